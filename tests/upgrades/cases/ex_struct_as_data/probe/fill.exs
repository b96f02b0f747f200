Sample.Shelf.add("cup")
