defmodule Sample.Sleeper do
  use GenServer

  def start_link(name), do: GenServer.start_link(__MODULE__, nil, name: name)

  @impl true
  def init(_), do: {:ok, {:sleeper, 0, nil}, :hibernate}

  @impl true
  def handle_cast(:count, {:sleeper, count, _}),
    do: {:noreply, {:sleeper, count + 1, :new}, :hibernate}

  @impl true
  def code_change({:down, _}, {:sleeper, count, _}, _), do: {:ok, {:sleeper, count}}
  def code_change(_, {:sleeper, count}, _), do: {:ok, {:sleeper, count, nil}}
end
