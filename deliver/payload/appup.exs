# Evaluates an appup that is written in Elixir, and writes it as Erlang has it.
[file] = System.argv()
{term, _} = Code.eval_file(file)
IO.write(:io_lib.format("~0tp.~n", [term]))
