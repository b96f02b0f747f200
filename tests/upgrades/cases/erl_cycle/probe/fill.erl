{old, 1} = sample_a:ask(), {old, 2} =:= sample_b:ask().
