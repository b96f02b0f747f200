sample_server:put(sample_words:greeter(me)).
