{ok, Vsn} = application:get_key(sample, vsn), gen_server:call(hidden, version) =:= case Vsn of "0.1.0" -> old; _ -> new end.
