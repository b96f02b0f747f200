defmodule Sample.Words do
  def greeter(name), do: fn -> "good day #{name}" end
end
