defmodule Sample.Room do
  use GenServer

  def start_link(name), do: GenServer.start_link(__MODULE__, name)

  @impl true
  def init(name), do: {:ok, {:room, name, []}}

  @impl true
  def code_change({:down, _}, {:room, name, _}, _), do: {:ok, {:room, name}}
  def code_change(_, {:room, name}, _), do: {:ok, {:room, name, []}}
end
