import Config

config :shelf, ecto_repos: [Shelf.Repo, Shelf.Notes]
config :shelf, Shelf.Notes, priv: "priv/notes"
