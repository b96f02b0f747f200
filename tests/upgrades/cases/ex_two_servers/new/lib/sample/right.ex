defmodule Sample.Right do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def put(value), do: GenServer.call(__MODULE__, {:put, value})
  def state, do: :sys.get_state(__MODULE__)

  @impl true
  def init(_), do: {:ok, %{value: nil, side: :right}}

  @impl true
  def handle_call({:put, value}, _from, state) do
    Sample.Left.mark(value)
    {:reply, true, %{state | value: value}}
  end

  @impl true
  def code_change({:down, _}, state, _), do: {:ok, Map.delete(state, :side)}
  def code_change(_, state, _), do: {:ok, Map.put(state, :side, :right)}
end
