undefined =:= whereis(sample_worker) andalso not erlang:module_loaded(sample_worker) andalso length(supervisor:which_children(sample_sup)) =:= 1.
