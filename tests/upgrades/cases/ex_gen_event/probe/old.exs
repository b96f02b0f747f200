is_integer(:gen_event.call(:events, Sample.Counts, :count))
