defprotocol Lib.Shape do
  def area(shape)
  def name(shape)
end
