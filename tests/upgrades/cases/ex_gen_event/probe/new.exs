match?({_, nil}, :gen_event.call(:events, Sample.Counts, :count))
