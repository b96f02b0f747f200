defmodule Lib do
  def word, do: "old"
end
