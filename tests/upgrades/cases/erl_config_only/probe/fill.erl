sample_server:put(here) andalso ok =:= persistent_term:put(stages, 0).
