{Process.whereis(:gone), Process.whereis(:come) != nil} == {nil, true} and
  not Enum.member?(:erlang.loaded(), Sample.Gone)
