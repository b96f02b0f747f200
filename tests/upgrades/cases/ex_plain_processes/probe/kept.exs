# What waits in the old code answers once more from there.
step = fn name ->
  send(name, {:step, self()})

  receive do
    {:step, side, count} -> {side, count}
  end
end

version = to_string(Application.spec(:sample, :vsn))

Enum.all?([:sample_plain, :sample_task], fn name ->
  {_, first} = step.(name)
  {side, second} = step.(name)
  second == first + 1 and side == %{"0.1.0" => :old, "0.2.0" => :new}[version]
end) and Process.whereis(:sample_plain) == :persistent_term.get(:sample_plain)
