defmodule Lib do
  def word, do: "old " <> Ground.word()
end
