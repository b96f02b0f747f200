[_] = Sample.Shelf.labels()
true
