defprotocol Sample.Size do
  @fallback_to_any true
  def size(term)
  def empty?(term)
end

defimpl Sample.Size, for: Any do
  def size(_), do: :unknown
  def empty?(_), do: false
end

defimpl Sample.Size, for: Sample.Box do
  def size(box), do: length(box.items)
  def empty?(box), do: box.items == []
end

defimpl String.Chars, for: Sample.Box do
  def to_string(box), do: "box of #{length(box.items)}"
end

defimpl Enumerable, for: Sample.Box do
  def count(box), do: {:ok, length(box.items)}
  def member?(_, _), do: {:error, __MODULE__}
  def slice(_), do: {:error, __MODULE__}
  def reduce(box, acc, fun), do: Enumerable.List.reduce(box.items, acc, fun)
end
