send(Sample.Special, {:step, self()})

receive do
  {:count, 0} -> true
end
