sample_greeter:greet() =:= word.
