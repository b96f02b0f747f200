defmodule Shelf.Application do
  use Application

  def start(_type, _args) do
    Supervisor.start_link([Shelf.Repo, Shelf.Notes], strategy: :one_for_one)
  end
end
