not erlang:function_exported(sample_server, version, 0).
