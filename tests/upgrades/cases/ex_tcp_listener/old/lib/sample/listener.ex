defmodule Sample.Listener do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def port, do: GenServer.call(__MODULE__, :port)

  @impl true
  def init(_) do
    :ets.new(:sample_connections, [:named_table, :public])

    {:ok, socket} =
      :gen_tcp.listen(0, [:binary, active: false, packet: :line, ip: {127, 0, 0, 1}])

    {:ok, _} = Task.start_link(__MODULE__, :accept, [socket])
    {:ok, socket}
  end

  @impl true
  def handle_call(:port, _from, socket), do: {:reply, elem(:inet.port(socket), 1), socket}

  def accept(socket) do
    with {:ok, connection} <- :gen_tcp.accept(socket, 100) do
      {:ok, server} =
        Task.Supervisor.start_child(Sample.Connections, __MODULE__, :serve, [connection])

      :gen_tcp.controlling_process(connection, server)
      :ets.insert(:sample_connections, {server})
    end

    __MODULE__.accept(socket)
  end

  def serve(connection) do
    with {:ok, line} <- :gen_tcp.recv(connection, 0, 100),
         do: :gen_tcp.send(connection, "old " <> line)

    __MODULE__.serve(connection)
  end
end
