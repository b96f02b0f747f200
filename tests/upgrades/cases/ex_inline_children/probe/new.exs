Enum.map([:gone, :one, :two], &(Process.whereis(&1) != nil)) == [false, true, true] and
  Supervisor.count_children(Sample.Supervisor).specs == 4
