defmodule Ecto.Adapters.File do
  @moduledoc false
  # A database for tests: a file with a line for each migration that is applied. What a migration executes lies beside
  # it, in `.log`, as soon as the migration has succeeded: a transaction.

  def ensure_all_started(_config, mode), do: Application.ensure_all_started(:logger, mode)

  def start_link(repo, config) do
    Agent.start_link(fn -> Keyword.fetch!(config, :file) end, name: repo)
  end

  def versions(repo) do
    case File.read(path(repo)) do
      {:ok, text} -> text |> String.split() |> Enum.map(&String.to_integer/1)
      {:error, :enoent} -> []
    end
  end

  def commit(repo, versions, statements) do
    File.write!(path(repo) <> ".log", Enum.map(statements, &[&1, ?\n]), [:append])
    new = path(repo) <> ".new"
    File.write!(new, Enum.map(versions, &"#{&1}\n"))
    File.rename!(new, path(repo))
  end

  # As a database does when a client begins to use it.
  defp path(repo),
    do: tap(Agent.get(repo.get_dynamic_repo(), & &1), &File.mkdir_p!(Path.dirname(&1)))
end
