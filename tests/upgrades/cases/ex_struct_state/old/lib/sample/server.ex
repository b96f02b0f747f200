defmodule Sample.Server do
  use GenServer

  defstruct value: nil

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def put(value), do: GenServer.call(__MODULE__, {:put, value})
  def get, do: GenServer.call(__MODULE__, :get)

  @impl true
  def init(_), do: {:ok, %__MODULE__{}}

  @impl true
  def handle_call({:put, value}, _from, state), do: {:reply, true, %{state | value: value}}
  def handle_call(:get, _from, state), do: {:reply, state.value, state}
end
