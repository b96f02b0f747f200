{ok, 3} =:= application:get_env(loaded, size) andalso word =:= quiet:word()
    andalso [] =:= [Name || {Name, _, _} <- application:which_applications(), lists:member(Name, [loaded, quiet])]
    andalso not lists:keymember(quiet, 1, application:loaded_applications()).
