defmodule Sample.Server do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(_), do: {:ok, nil}

  @impl true
  def code_change(_, _, _), do: raise("not today")
end
