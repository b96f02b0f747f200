defmodule Pricing do
  def price(amount), do: amount * 4
end
