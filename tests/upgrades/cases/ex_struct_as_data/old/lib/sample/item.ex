defmodule Sample.Item do
  defstruct [:name]

  def new(name), do: %__MODULE__{name: name}
  def label(%__MODULE__{name: name}), do: name
end
