{Sample.Left.state().side, Sample.Right.state().side} == {:left, :right}
