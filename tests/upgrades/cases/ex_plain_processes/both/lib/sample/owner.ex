defmodule Sample.Owner do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(_) do
    plain = spawn_link(Sample.Plain, :loop, [0])
    Process.register(plain, :sample_plain)
    {:ok, task} = Task.start_link(Sample.Plain, :loop, [0])
    Process.register(task, :sample_task)
    {:ok, nil}
  end
end
