defmodule Sample.Work do
  def begin, do: Task.Supervisor.start_child(Sample.Tasks, __MODULE__, :run, [0])

  def run(count) do
    receive do
      {:step, from} ->
        send(from, {:old, count + 1})
        __MODULE__.run(count + 1)
    end
  end
end
