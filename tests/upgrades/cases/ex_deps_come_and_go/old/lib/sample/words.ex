defmodule Sample.Words do
  def greeting, do: Gone.word()
end
