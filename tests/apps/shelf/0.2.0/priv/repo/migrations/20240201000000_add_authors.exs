defmodule Shelf.Repo.Migrations.AddAuthors do
  use Ecto.Migration

  def up, do: execute("create authors")
  def down, do: execute("drop authors")
end
