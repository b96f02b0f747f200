defmodule Sample.Item do
  defstruct [:name, price: 0]

  def new(name), do: %__MODULE__{name: name}
  def label(%__MODULE__{name: name} = item), do: "#{name}: #{Map.get(item, :price, 0)}"
end
