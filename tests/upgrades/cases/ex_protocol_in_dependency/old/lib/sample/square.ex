defmodule Sample.Square do
  defstruct side: 2

  defimpl Lib.Shape do
    def area(square), do: square.side * square.side
  end
end
