defmodule Sample.Desk do
  use GenServer

  def start_link([]), do: GenServer.start_link(__MODULE__, nil)

  def start_link(name),
    do: GenServer.start_link(__MODULE__, nil, name: {:via, Registry, {Sample.Names, name}})

  def put(desk, value), do: GenServer.call(desk, {:put, value})

  @impl true
  def init(_), do: {:ok, {:desk, nil}}

  @impl true
  def handle_call({:put, value}, _from, _), do: {:reply, :ok, {:desk, value}}
  def handle_call(:get, _from, {:desk, value} = desk), do: {:reply, {:old, value}, desk}
end
