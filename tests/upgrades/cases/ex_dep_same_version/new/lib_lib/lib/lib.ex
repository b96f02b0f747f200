defmodule Lib do
  def word, do: "new"
end
