{Sample.Left.state().value, Sample.Left.state().mark, Sample.Right.state().value} ==
  {:here, :here, :here}
