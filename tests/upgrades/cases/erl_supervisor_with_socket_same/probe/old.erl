old =:= sample_sup:version() andalso length(persistent_term:get(sockets)) =:= 1.
