defmodule Sample.Words do
  require Sample.Kit

  def greeting, do: Sample.Kit.word()
end
