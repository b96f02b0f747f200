defmodule Sample.Words do
  def greeting, do: "old"
end
