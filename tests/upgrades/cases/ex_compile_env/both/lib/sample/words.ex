defmodule Sample.Words do
  @word Application.compile_env!(:sample, :word)

  def greeting, do: @word
end
