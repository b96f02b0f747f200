not erlang:function_exported(sample_server, code_change, 3).
