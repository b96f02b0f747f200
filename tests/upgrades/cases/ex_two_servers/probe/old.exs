{Map.keys(Sample.Left.state()), Map.keys(Sample.Right.state())} == {[:mark, :value], [:value]}
