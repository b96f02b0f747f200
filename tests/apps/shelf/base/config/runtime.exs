import Config

# The stand-in for a database: a directory, with a file for each repository.
directory = System.fetch_env!("SHELF_DATABASE")
config :shelf, Shelf.Repo, file: Path.join(directory, "books")
config :shelf, Shelf.Notes, file: Path.join(directory, "notes")
