# The names of the releases that the mix.exs of this directory has. The project is loaded as `mix` loads it, and
# nothing of it runs: its runtime configuration may need what only production has.
Mix.start()
Mix.Local.append_archives()
Mix.Local.append_paths()
Code.compile_file(System.get_env("MIX_EXS") || "mix.exs")
config = Mix.Project.config()

releases =
  case config[:releases] do
    nil -> []
    function when is_function(function, 0) -> function.()
    list -> list
  end

# Without any, `mix release` makes one that is called like the application, and takes no name for it.
if releases == [] and config[:app], do: IO.puts("deliver-only\t#{config[:app]}")
for {name, _options} <- releases, do: IO.puts("deliver-release\t#{name}")
