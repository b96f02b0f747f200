defmodule Shelf.Notes.Migrations.AddNotes do
  use Ecto.Migration

  def up, do: execute("create notes")
  def down, do: execute("drop notes")
end
