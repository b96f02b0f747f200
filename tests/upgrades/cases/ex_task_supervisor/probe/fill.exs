match?({:ok, _}, Sample.Work.begin())
