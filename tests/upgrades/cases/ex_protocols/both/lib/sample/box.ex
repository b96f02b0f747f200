defmodule Sample.Box do
  defstruct items: []
end
