# Runs Ecto's migrations of the release that this virtual machine belongs to, or tells what they are; see migrate.sh,
# which says what is wanted in DELIVER_* variables.
#
# Writes into RELEASE_TMP/told, as lines of fields that a tab divides; texts that may hold anything are in Base64:
#   no REASON              nothing was done: no-ecto | no-repos | not-one NAMES | unknown NAME NAMES
#   repo NAME              one that is to be migrated, before any is
#   begun NAME
#   ended NAME ok|failed MILLISECONDS VERSIONS TEXT
#   migration NAME up|down VERSION TEXT
#   all-well               all of it is done
defmodule Deliver.Migrations do
  @lost "** FILE NOT FOUND **"

  def main do
    with {:ok, repos} <- repos(),
         {:ok, chosen} <- chosen(repos, words("DELIVER_REPOS")),
         :ok <- one_target(chosen, target()) do
      if run(System.fetch_env!("DELIVER_WHAT"), chosen), do: tell(["all-well"])
    else
      {:no, reason} -> tell(["no" | reason])
    end
  end

  defp repos do
    configured = Enum.flat_map(applications(), &Application.get_env(&1, :ecto_repos, []))

    cond do
      not Code.ensure_loaded?(Ecto.Migrator) -> {:no, ["no-ecto"]}
      configured == [] -> {:no, ["no-repos"]}
      true -> {:ok, Enum.uniq(configured)}
    end
  end

  # All of the release, loaded: none of them runs.
  defp applications do
    releases = Path.join(System.fetch_env!("RELEASE_ROOT"), "releases")
    directory = Path.join(releases, System.fetch_env!("RELEASE_VSN"))

    for file <- Path.wildcard(Path.join(directory, "*.rel")),
        {:ok, [{:release, _, _, applications}]} = :file.consult(String.to_charlist(file)),
        one <- applications do
      :ok = Application.ensure_loaded(elem(one, 0))
      elem(one, 0)
    end
  end

  defp chosen(repos, []), do: {:ok, repos}

  defp chosen(repos, names) do
    known = Map.new(repos, &{inspect(&1), &1})

    case Enum.reject(names, &is_map_key(known, &1)) do
      [] -> {:ok, names |> Enum.uniq() |> Enum.map(&known[&1])}
      [unknown | _] -> {:no, ["unknown", unknown, listed(repos)]}
    end
  end

  # Each repository counts its migrations for itself.
  defp one_target([_, _ | _] = repos, target) when target != nil,
    do: {:no, ["not-one", listed(repos)]}

  defp one_target(_repos, _target), do: :ok

  defp run("migrate", repos) do
    Enum.each(repos, &tell(["repo", inspect(&1)]))
    Enum.all?(repos, &migrate/1)
  end

  defp run("migrations", repos), do: repos |> Enum.map(&list/1) |> Enum.all?()

  defp migrate(repo) do
    tell(["begun", inspect(repo)])
    began = System.monotonic_time(:millisecond)

    result =
      apart(fn -> with_repo(repo, &bring(&1, target(), System.get_env("DELIVER_DOWN"))) end)

    took = System.monotonic_time(:millisecond) - began

    case result do
      {:ok, versions} -> ended(repo, "ok", took, versions, "")
      {:error, versions, text} -> ended(repo, "failed", took, versions, text)
    end

    match?({:ok, _}, result)
  end

  defp ended(repo, how, took, versions, text) do
    tell(["ended", inspect(repo), how, took, Enum.join(versions, ","), Base.encode64(text)])
  end

  # Returns what was run: those versions that are not as they were, whatever the migrator said.
  defp bring(repo, target, down) do
    before = Ecto.Migrator.migrated_versions(repo)

    outcome =
      try do
        with :ok <- possible(before, Ecto.Migrator.migrations(repo), target, down) do
          act(repo, before, target, down)
          missing(Ecto.Migrator.migrations(repo), target, down)
        end
      catch
        kind, reason -> {:error, caught(kind, reason, __STACKTRACE__)}
      end

    changed = changed(before, repo)
    if outcome == :ok, do: {:ok, changed}, else: {:error, changed, elem(outcome, 1)}
  end

  defp changed(before, repo) do
    now = Ecto.Migrator.migrated_versions(repo)
    Enum.sort((now -- before) ++ (before -- now))
  catch
    # Why it cannot be asked is what the migration failed of.
    _, _ -> []
  end

  defp possible(_before, _known, nil, _down), do: :ok

  defp possible(before, known, target, down) do
    newer = Enum.filter(before, &(&1 > target))
    lost = for {:up, version, @lost} <- known, version > target, do: version

    cond do
      not (target == 0 and down == "yes") and not List.keymember?(known, target, 1) ->
        {:error, "there is no migration #{target}: see them with the task migrations"}

      down != "yes" and newer != [] ->
        {:error,
         "#{Enum.join(newer, ", ")} came after #{target} and would have to be taken back: that needs --down"}

      down == "yes" and lost != [] ->
        {:error,
         "this version does not have #{Enum.join(lost, ", ")}, so it cannot take that back"}

      true ->
        :ok
    end
  end

  defp act(repo, _before, nil, _down), do: Ecto.Migrator.run(repo, :up, all: true)
  defp act(repo, _before, target, "no"), do: Ecto.Migrator.run(repo, :up, to: target)

  # To go down to a version is to keep that one; Ecto's `to` would take it back too.
  defp act(repo, before, target, "yes") do
    newer = Enum.filter(before, &(&1 > target))
    if newer != [], do: Ecto.Migrator.run(repo, :down, to: Enum.min(newer))
  end

  # What the migrator did is asked for, not believed.
  defp missing(known, target, down) do
    left = for {status, version, _} <- known, open?(status, version, target, down), do: version

    if left == [],
      do: :ok,
      else: {:error, "Ecto ended well, but not all is done: #{Enum.join(left, ", ")}"}
  end

  defp open?(status, _version, nil, _down), do: status == :down
  defp open?(status, version, target, "no"), do: status == :down and version <= target
  defp open?(status, version, target, "yes"), do: status == :up and version > target

  defp list(repo) do
    case apart(fn -> with_repo(repo, &{:ok, Ecto.Migrator.migrations(&1)}) end) do
      {:ok, known} ->
        for {status, version, name} <- known do
          tell(["migration", inspect(repo), status, version, Base.encode64(to_string(name))])
        end

        tell(["ended", inspect(repo), "ok", 0, "", ""])
        true

      {:error, _, text} ->
        ended(repo, "failed", 0, [], text)
        false
    end
  end

  # A temporary application that ends is an error of the migration, not the end of this virtual machine.
  defp with_repo(repo, work) do
    case Ecto.Migrator.with_repo(repo, work, mode: :temporary) do
      {:ok, result, _} -> result
      {:error, reason} -> {:error, [], "the repository cannot be started: #{inspect(reason)}"}
    end
  end

  # In a process of its own: what a repository is linked to may take it along.
  defp apart(work) do
    {_, monitor} =
      spawn_monitor(fn ->
        result =
          try do
            work.()
          catch
            kind, reason -> {:error, [], caught(kind, reason, __STACKTRACE__)}
          end

        exit({:shutdown, {__MODULE__, result}})
      end)

    receive do
      {:DOWN, ^monitor, _, _, {:shutdown, {__MODULE__, result}}} -> result
      {:DOWN, ^monitor, _, _, reason} -> {:error, [], Exception.format_exit(reason)}
    end
  end

  defp caught(kind, reason, trace) do
    IO.puts(:stderr, Exception.format(kind, reason, trace))
    Exception.format_banner(kind, reason, trace)
  end

  defp target do
    case System.get_env("DELIVER_TO", "") do
      "" -> nil
      text -> String.to_integer(text)
    end
  end

  defp words(variable), do: variable |> System.get_env("") |> String.split()
  defp listed(repos), do: Enum.map_join(repos, " ", &inspect/1)

  defp tell(fields) do
    file = Path.join(System.fetch_env!("RELEASE_TMP"), "told")
    File.write!(file, [Enum.join(fields, "\t"), ?\n], [:append])
  end
end

Deliver.Migrations.main()
