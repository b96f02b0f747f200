defmodule Sample.Counter do
  use Agent

  def start_link(_), do: Agent.start_link(fn -> 0 end, name: __MODULE__)
  def step, do: Agent.get_and_update(__MODULE__, fn count -> {count, count + 1} end)
  def get, do: Agent.get(__MODULE__, fn count -> count end)
end
