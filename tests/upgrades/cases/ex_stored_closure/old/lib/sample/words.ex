defmodule Sample.Words do
  def greeter(name), do: fn -> "hello #{name}" end
end
