defmodule Sample.Words do
  def greeting, do: "new"
end
