Enum.all?(Sample.Shelf.labels(), &(&1 == "cup"))
