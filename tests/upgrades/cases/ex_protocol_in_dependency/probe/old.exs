Protocol.consolidated?(Lib.Shape) and Lib.Shape.area(struct(Sample.Square)) == 4 and
  not function_exported?(Lib.Shape, :name, 1)
