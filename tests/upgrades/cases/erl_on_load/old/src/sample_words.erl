-module(sample_words).
-export([word/0]).
-on_load(init/0).

init() -> persistent_term:put(?MODULE, old).
word() -> persistent_term:get(?MODULE).
