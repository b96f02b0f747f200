:gen_event.call(:events, Sample.Counts, :count) in [1, {1, nil}]
