sample_server:version() =:= new.
