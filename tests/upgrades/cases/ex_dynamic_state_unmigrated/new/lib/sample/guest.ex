defmodule Sample.Guest do
  use GenServer

  def start_link(name), do: GenServer.start_link(__MODULE__, name)

  @impl true
  def init(name), do: {:ok, {:guest, name, 0}}
end
