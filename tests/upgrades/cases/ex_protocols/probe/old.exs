box = struct(Sample.Box, items: [1, 2])
consolidated = Enum.all?([Sample.Size, String.Chars, Enumerable], &Protocol.consolidated?/1)

consolidated and Sample.Size.size(box) == :unknown and Sample.Size.size("four") == 4 and
  String.Chars.impl_for(box) == nil and Enumerable.impl_for(box) == nil and
  not function_exported?(Sample.Size, :empty?, 1)
