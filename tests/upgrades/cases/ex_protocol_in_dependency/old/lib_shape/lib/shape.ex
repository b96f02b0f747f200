defprotocol Lib.Shape do
  def area(shape)
end
