defmodule Sample.Desk do
  use GenServer

  def start_link([]), do: GenServer.start_link(__MODULE__, nil)

  def start_link(name),
    do: GenServer.start_link(__MODULE__, nil, name: {:via, Registry, {Sample.Names, name}})

  def put(desk, value), do: GenServer.call(desk, {:put, value})

  @impl true
  def init(_), do: {:ok, {:desk, nil, 0}}

  @impl true
  def handle_call({:put, value}, _from, {:desk, _, puts}),
    do: {:reply, :ok, {:desk, value, puts + 1}}

  def handle_call(:get, _from, {:desk, value, _} = desk), do: {:reply, {:new, value}, desk}

  @impl true
  def code_change({:down, _}, {:desk, value, _}, _), do: {:ok, {:desk, value}}
  def code_change(_, {:desk, value}, _), do: {:ok, {:desk, value, 0}}
end
