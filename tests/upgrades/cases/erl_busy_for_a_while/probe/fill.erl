sample_server:put(here) andalso ok =:= gen_server:cast(sample_server, {busy, 2000}).
