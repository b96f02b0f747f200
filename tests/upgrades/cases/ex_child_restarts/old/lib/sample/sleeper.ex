defmodule Sample.Sleeper do
  use GenServer

  def start_link(name), do: GenServer.start_link(__MODULE__, nil, name: name)

  @impl true
  def init(_), do: {:ok, {:sleeper, 0}, :hibernate}

  @impl true
  def handle_cast(:count, {:sleeper, count}), do: {:noreply, {:sleeper, count + 1}, :hibernate}
end
