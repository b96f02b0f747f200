defmodule Loaded do
  def word, do: Application.fetch_env!(:loaded, :word)
end
