{ok, <<"new\n">>} =:= file:read_file(filename:join(code:priv_dir(sample), "words.txt")).
