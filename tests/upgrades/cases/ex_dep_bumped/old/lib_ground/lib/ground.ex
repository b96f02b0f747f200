defmodule Ground do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def step, do: GenServer.call(__MODULE__, :step)
  def word, do: "old"

  @impl true
  def init(_), do: {:ok, {:ground, 0}}

  @impl true
  def handle_call(:step, _from, {:ground, count}), do: {:reply, count, {:ground, count + 1}}
end
