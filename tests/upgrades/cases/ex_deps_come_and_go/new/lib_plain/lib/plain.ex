defmodule Plain do
  def word, do: "plain"
end
