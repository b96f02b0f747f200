defmodule Sample.Guest do
  use GenServer

  defstruct [:name]

  def start_link(name), do: GenServer.start_link(__MODULE__, name)

  @impl true
  def init(name), do: {:ok, %__MODULE__{name: name}}
end
