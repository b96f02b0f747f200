Protocol.consolidated?(Lib.Shape) and apply(Lib.Shape, :name, [struct(Sample.Square)]) == "square"
