old =:= sample_server:version() andalso element(1, gen_tcp:connect({127, 0, 0, 1}, sample_server:port(), [])) =:= ok.
