undefined =:= whereis(extra_server) andalso not lists:keymember(extra, 1, application:loaded_applications())
    andalso non_existing =:= code:which(extra_server).
