defmodule Shelf.Repo.Migrations.GiveTrouble do
  use Ecto.Migration

  # As the tests want it.
  def up do
    case System.get_env("SHELF_TROUBLE", "") do
      "raise" -> raise "the disk of the database is full"
      "wait" -> wait()
      "" -> :ok
    end

    execute("create loans")
  end

  def down, do: execute("drop loans")

  defp wait do
    IO.puts("a long migration")
    Process.sleep(60_000)
  end
end
