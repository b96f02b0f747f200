defmodule Sample.Loop do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(_) do
    Process.register(spawn_link(fn -> loop(0) end), :sample_loop)
    {:ok, nil}
  end

  defp loop(count) do
    receive do
      {:step, from} ->
        send(from, {:new, count})
        loop(count + 1)
    end
  end
end
