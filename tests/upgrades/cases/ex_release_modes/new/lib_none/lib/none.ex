defmodule None do
  def word, do: "none"
end
