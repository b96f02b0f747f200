defmodule Sample.Words do
  def digest, do: :crypto.hash(:sha256, "word") |> byte_size()
end
