# A client that lives on behind the probe, with its connection.
port = Sample.Listener.port()

client =
  spawn(fn ->
    Process.register(self(), :sample_client)

    {:ok, socket} =
      :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false, packet: :line])

    loop = fn loop ->
      receive do
        {:echo, from, line} ->
          :ok = :gen_tcp.send(socket, line)
          send(from, {:echo, :gen_tcp.recv(socket, 0, 1000)})
          loop.(loop)
      end
    end

    loop.(loop)
  end)

send(client, {:echo, self(), "one\n"})

receive do
  {:echo, {:ok, "old one\n"}} -> true
end
