defmodule Sample.Counts do
  @behaviour :gen_event

  @impl true
  def init(_), do: {:ok, {:counts, 0, nil}}

  @impl true
  def handle_event(event, {:counts, count, _}), do: {:ok, {:counts, count + 1, event}}

  @impl true
  def handle_call(:count, {:counts, count, last}),
    do: {:ok, {count, last}, {:counts, count, last}}

  @impl true
  def code_change({:down, _}, {:counts, count, _}, _), do: {:ok, {:counts, count}}
  def code_change(_, {:counts, count}, _), do: {:ok, {:counts, count, nil}}
end
