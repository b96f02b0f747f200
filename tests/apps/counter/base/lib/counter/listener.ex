defmodule Counter.Listener do
  @moduledoc "Answers lines on a TCP port."
  use Task, restart: :permanent

  def start_link(_), do: Task.start_link(__MODULE__, :listen, [])

  def listen do
    port = Application.fetch_env!(:counter, :port)
    {:ok, socket} = :gen_tcp.listen(port, [:binary, packet: :line, active: false, reuseaddr: true])
    accept(socket)
  end

  defp accept(socket) do
    {:ok, client} = :gen_tcp.accept(socket)
    {:ok, pid} = Task.start(fn -> serve(client) end)
    :ok = :gen_tcp.controlling_process(client, pid)
    accept(socket)
  end

  defp serve(client) do
    with {:ok, line} <- :gen_tcp.recv(client, 0),
         :ok <- :gen_tcp.send(client, [Counter.Protocol.answer(String.trim(line)), "\n"]) do
      serve(client)
    end
  end
end
