defmodule Sample.Counts do
  @behaviour :gen_event

  @impl true
  def init(_), do: {:ok, {:counts, 0}}

  @impl true
  def handle_event(_, {:counts, count}), do: {:ok, {:counts, count + 1}}

  @impl true
  def handle_call(:count, {:counts, count}), do: {:ok, count, {:counts, count}}
end
