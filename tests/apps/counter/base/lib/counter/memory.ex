defmodule Counter.Memory do
  @moduledoc "A number that is kept in memory, and only there."
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, 0, name: __MODULE__)
  def increment, do: GenServer.call(__MODULE__, :increment)
  def get, do: GenServer.call(__MODULE__, :get)

  @impl true
  def init(number), do: {:ok, number}

  @impl true
  def handle_call(:increment, _from, number), do: {:reply, number + 1, number + 1}
  def handle_call(:get, _from, number), do: {:reply, number, number}
end
