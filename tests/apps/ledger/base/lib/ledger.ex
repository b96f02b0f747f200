defmodule Ledger do
  def enter(sum), do: {:entered, sum}
end
