defmodule Shelf.Notes.Migrations.AddColours do
  use Ecto.Migration

  def up, do: execute("create colours")
  def down, do: execute("drop colours")
end
