[task] = Task.Supervisor.children(Sample.Tasks)
# What waits in the old code answers once more from there.
step = fn ->
  send(task, {:step, self()})

  receive do
    {side, count} -> {side, count}
  end
end

{_, first} = step.()
{side, second} = step.()
version = to_string(Application.spec(:sample, :vsn))

second == first + 1 and rem(second, 2) == 0 and
  side == %{"0.1.0" => :old, "0.2.0" => :new}[version]
