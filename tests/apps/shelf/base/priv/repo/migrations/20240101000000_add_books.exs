defmodule Shelf.Repo.Migrations.AddBooks do
  use Ecto.Migration

  def up, do: execute("create books")
  def down, do: execute("drop books")
end
