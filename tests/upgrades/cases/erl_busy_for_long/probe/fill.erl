ok =:= gen_server:cast(sample_server, {busy, 60000}).
