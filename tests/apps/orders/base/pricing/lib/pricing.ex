defmodule Pricing do
  def price(amount), do: amount * 3
end
