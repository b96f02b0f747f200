undefined =:= application:get_env(loaded, size) andalso non_existing =:= code:which(quiet).
