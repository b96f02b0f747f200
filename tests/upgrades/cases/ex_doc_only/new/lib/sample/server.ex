defmodule Sample.Server do
  @moduledoc "Keeps a value."
  use GenServer

  @doc "Starts it."
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  # This and what follows stands elsewhere now.
  def put(value), do: GenServer.call(__MODULE__, {:put, value})
  def get, do: GenServer.call(__MODULE__, :get)

  @impl true
  def init(_), do: {:ok, nil}

  @impl true
  def handle_call({:put, value}, _from, _), do: {:reply, true, value}
  def handle_call(:get, _from, value), do: {:reply, value, value}
end
