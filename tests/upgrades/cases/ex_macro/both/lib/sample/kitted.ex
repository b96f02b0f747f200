defmodule Sample.Kitted do
  use Sample.Kit

  @impl true
  def init(_), do: {:ok, nil}
end
