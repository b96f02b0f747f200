-module(sample_words).
-export([word/0]).
-on_load(init/0).

init() ->
    case persistent_term:get(?MODULE, none) of
        none -> ok;
        loaded -> loaded_already
    end.
word() -> new.
