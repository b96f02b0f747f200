-module(sample_box).
-export([new/1, content/1]).
-record(box, {content, label = none}).

new(Content) -> #box{content = Content}.
content(#box{content = Content}) -> Content.
