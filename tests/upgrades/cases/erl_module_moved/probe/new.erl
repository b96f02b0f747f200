one:word() =:= two andalso string:find(code:which(sample_moved), "two-0.2.0") =/= nomatch.
