{ok, 3} =:= gen_server:call(part_server, get) andalso not lists:keymember(part, 1, application:which_applications()).
