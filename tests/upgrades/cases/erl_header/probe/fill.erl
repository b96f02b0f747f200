sample_server:put(here).
