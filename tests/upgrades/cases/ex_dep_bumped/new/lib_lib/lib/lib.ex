defmodule Lib do
  def word, do: "new " <> Ground.word()
end
