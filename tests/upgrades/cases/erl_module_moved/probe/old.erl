one:word() =:= one andalso string:find(code:which(sample_moved), "one-0.1.0") =/= nomatch.
