defmodule Sample.Left do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def put(value), do: GenServer.call(__MODULE__, {:put, value})
  def mark(value), do: GenServer.cast(__MODULE__, {:mark, value})
  def state, do: :sys.get_state(__MODULE__)

  @impl true
  def init(_), do: {:ok, %{value: nil, mark: nil}}

  @impl true
  def handle_call({:put, value}, _from, state) do
    Sample.Right.put(value)
    {:reply, true, %{state | value: value}}
  end

  @impl true
  def handle_cast({:mark, value}, state), do: {:noreply, %{state | mark: value}}
end
