defmodule Sample.Shelf do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def add(name), do: GenServer.call(__MODULE__, {:add, name})
  def labels, do: GenServer.call(__MODULE__, :labels)

  @impl true
  def init(_), do: {:ok, %{items: []}}

  @impl true
  def handle_call({:add, name}, _from, state) do
    {:reply, true, %{state | items: [Sample.Item.new(name) | state.items]}}
  end

  def handle_call(:labels, _from, state),
    do: {:reply, Enum.map(state.items, &Sample.Item.label/1), state}
end
