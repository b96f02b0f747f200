"""The files that run elsewhere: POSIX sh, escripts, Erlang expressions."""
