defmodule Ecto.Migrator do
  @moduledoc false
  # A stand-in for the module of that name in ecto_sql 3.14: the functions that release tools call, with the options and
  # the answers that it documents. Repositories are files.

  @strategies [:all, :to, :to_exclusive, :step]
  @others [
    :log,
    :log_migrations_sql,
    :log_migrator_sql,
    :prefix,
    :dynamic_repo,
    :strict_version_order,
    :skip_table_creation,
    :migration_lock
  ]
  @no_file "** FILE NOT FOUND **"

  def with_repo(repo, fun, options \\ []) do
    [] = Keyword.keys(options) -- [:pool_size, :mode]
    mode = Keyword.get(options, :mode, :permanent)
    wanted = [:ecto_sql | repo.config()[:start_apps_before_migration] || []]
    started = Enum.flat_map(wanted, &started!(Application.ensure_all_started(&1, mode)))
    more = started!(repo.__adapter__().ensure_all_started(repo.config(), mode))

    case repo.start_link(pool_size: Keyword.get(options, :pool_size, 2)) do
      {:ok, _} -> within(repo, fun, started ++ more)
      {:error, {:already_started, _}} -> {:ok, fun.(repo), started ++ more}
      {:error, _} = error -> error
    end
  end

  defp started!({:ok, apps}), do: apps

  defp within(repo, fun, apps) do
    {:ok, fun.(repo), apps}
  after
    repo.stop()
  end

  def migrations_path(repo, directory \\ "migrations") do
    name = repo |> Module.split() |> List.last() |> Macro.underscore()
    priv = repo.config()[:priv] || "priv/#{name}"
    Application.app_dir(Keyword.fetch!(repo.config(), :otp_app), Path.join(priv, directory))
  end

  def migrated_versions(repo, options \\ []) do
    [] = Keyword.keys(options) -- @others
    repo.__adapter__().versions(repo)
  end

  def migrations(repo), do: migrations(repo, [migrations_path(repo)])

  def migrations(repo, directories, options \\ []) do
    applied = migrated_versions(repo, options)
    files = files(directories)

    known =
      for {version, name, _} <- files,
          do: {if(version in applied, do: :up, else: :down), version, name}

    lost =
      for version <- applied, not List.keymember?(files, version, 0), do: {:up, version, @no_file}

    List.keysort(known ++ lost, 1)
  end

  def run(repo, direction, options), do: run(repo, [migrations_path(repo)], direction, options)

  def run(repo, directories, direction, options) when direction in [:up, :down] do
    [] = Keyword.keys(options) -- (@strategies ++ @others)
    applied = migrated_versions(repo)

    all =
      for {version, _, _} = one <- files(directories),
          version in applied == (direction == :down),
          do: one

    ordered = if direction == :up, do: all, else: Enum.reverse(all)

    for {version, _, file} <- chosen(ordered, direction, options) do
      apply_one(repo, direction, version, file)
      version
    end
  end

  defp chosen(ordered, direction, options) do
    cond do
      options[:all] ->
        ordered

      to = options[:to] ->
        Enum.take_while(ordered, &within?(&1, integer(to), direction))

      to = options[:to_exclusive] ->
        Enum.take_while(ordered, &(elem(&1, 0) != to and within?(&1, integer(to), direction)))

      step = options[:step] ->
        Enum.take(ordered, step)

      true ->
        raise ArgumentError, "expected one of :all, :to, :to_exclusive, or :step strategies"
    end
  end

  defp integer(version) when is_integer(version), do: version

  defp within?({version, _, _}, to, :up), do: version <= to
  defp within?({version, _, _}, to, :down), do: version >= to

  # In a process of its own, whose failure is raised here.
  defp apply_one(repo, direction, version, file) do
    dynamic = repo.get_dynamic_repo()

    task =
      Task.async(fn ->
        try do
          repo.put_dynamic_repo(dynamic)
          [{module, _} | _] = Code.compile_file(file)
          apply(module, direction, [])
          applied = repo.__adapter__().versions(repo)
          left = if direction == :up, do: applied ++ [version], else: applied -- [version]
          repo.__adapter__().commit(repo, left, Enum.reverse(Process.get(:statements, [])))
        catch
          kind, reason -> {kind, reason, __STACKTRACE__}
        end
      end)

    with {kind, reason, trace} <- Task.await(task, :infinity),
         do: :erlang.raise(kind, reason, trace)
  end

  defp files(directories) do
    found =
      for directory <- List.wrap(directories),
          file <- Path.wildcard(Path.join([directory, "**", "*.exs"])),
          {version, "_" <> name} <- [Integer.parse(Path.basename(file, ".exs"))],
          do: {version, name, file}

    Enum.sort(found)
  end
end
