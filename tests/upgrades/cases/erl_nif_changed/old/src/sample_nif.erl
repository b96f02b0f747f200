-module(sample_nif).
-export([answer/0]).
-on_load(init/0).

init() -> erlang:load_nif(filename:join(code:priv_dir(sample), "sample_nif"), 0).
answer() -> erlang:nif_error(not_loaded).
