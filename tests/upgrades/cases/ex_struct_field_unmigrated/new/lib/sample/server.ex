defmodule Sample.Server do
  use GenServer

  defstruct value: nil, puts: 0

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(_), do: {:ok, %__MODULE__{}}
end
