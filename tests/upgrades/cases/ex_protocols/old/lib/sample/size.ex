defprotocol Sample.Size do
  @fallback_to_any true
  def size(term)
end

defimpl Sample.Size, for: Any do
  def size(_), do: :unknown
end

defimpl Sample.Size, for: BitString do
  def size(text), do: byte_size(text)
end
