defmodule Sample.Words do
  def greeting, do: "old " <> Lib.word()
end
