box = struct(Sample.Box, items: [1, 2])
consolidated = Enum.all?([Sample.Size, String.Chars, Enumerable], &Protocol.consolidated?/1)

consolidated and Sample.Size.size(box) == 2 and Sample.Size.size("four") == :unknown and
  apply(Sample.Size, :empty?, [box]) == false and to_string(box) == "box of 2" and
  Enum.sum(box) == 3
