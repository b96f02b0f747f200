defmodule Sample.Words do
  def greeting, do: Come.word() <> " " <> Plain.word()
end
