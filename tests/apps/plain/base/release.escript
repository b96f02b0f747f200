%% release.escript VERSION OUT: lays out a release with its own ERTS, by OTP's own means.
main([Version, Out]) ->
    true = code:add_patha("ebin"),
    [ok = application:load(App) || App <- [sasl, plain]],
    Versions = [{App, Vsn} || {App, _, Vsn} <- application:loaded_applications()],
    Apps = [{App, proplists:get_value(App, Versions)} || App <- [kernel, stdlib, sasl, plain]],
    Rel = {release, {"plain", Version}, {erts, erlang:system_info(version)}, Apps},
    ok = file:write_file("plain.rel", io_lib:format("~p.~n", [Rel])),
    ok = systools:make_script("plain", [{path, ["ebin"]}]),
    ok = systools:make_tar("plain", [{path, ["ebin"]}, {erts, code:root_dir()}]),
    ok = erl_tar:extract("plain.tar.gz", [compressed, {cwd, Out}]),
    Data = [erlang:system_info(version), " ", Version, "\n"],
    ok = file:write_file(filename:join([Out, "releases", "start_erl.data"]), Data).
