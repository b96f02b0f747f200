#!/usr/bin/env escript
%% -*- erlang -*-
%%! -noinput
%% The version of Erlang/OTP, as a line of TOOL VERSION.

main(_) ->
    Release = erlang:system_info(otp_release),
    File = filename:join([code:root_dir(), "releases", Release, "OTP_VERSION"]),
    Version =
        case file:read_file(File) of
            {ok, Text} -> string:trim(Text);
            {error, _} -> Release
        end,
    io:format("otp ~s~n", [Version]).
