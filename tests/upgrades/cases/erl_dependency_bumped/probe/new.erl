other:word() =:= new andalso {ok, "7"} =:= application:get_key(sample, vsn) andalso {ok, "1.1"} =:= application:get_key(other, vsn).
