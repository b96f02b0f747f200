defmodule Sample.Server do
  use GenServer

  @vsn 2
  defstruct value: nil, puts: 0

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def put(value), do: GenServer.call(__MODULE__, {:put, value})
  def get, do: GenServer.call(__MODULE__, :get)
  def puts, do: GenServer.call(__MODULE__, :puts)

  @impl true
  def init(_), do: {:ok, %__MODULE__{}}

  @impl true
  def handle_call({:put, value}, _from, state) do
    {:reply, true, %{state | value: value, puts: state.puts + 1}}
  end

  def handle_call(:get, _from, state), do: {:reply, state.value, state}
  def handle_call(:puts, _from, state), do: {:reply, state.puts, state}

  @impl true
  def code_change({:down, _}, state, _), do: {:ok, Map.delete(state, :puts)}
  def code_change(_, state, _), do: {:ok, Map.put(state, :puts, 0)}
end
