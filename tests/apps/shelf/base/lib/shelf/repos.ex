defmodule Shelf.Repo do
  use Ecto.Repo, otp_app: :shelf, adapter: Ecto.Adapters.File
end

defmodule Shelf.Notes do
  use Ecto.Repo, otp_app: :shelf, adapter: Ecto.Adapters.File
end
