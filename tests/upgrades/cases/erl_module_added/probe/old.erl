sample_greeter:greet() =:= alone andalso not erlang:module_loaded(sample_words) andalso code:which(sample_words) =:= non_existing.
