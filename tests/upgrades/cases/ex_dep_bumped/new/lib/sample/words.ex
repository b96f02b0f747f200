defmodule Sample.Words do
  def greeting, do: "new " <> Lib.word()
end
