Lib.Shape.area(Sample.Server.get()) == 4
