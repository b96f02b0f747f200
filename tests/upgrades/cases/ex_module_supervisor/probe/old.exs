Enum.map([:gone, :one, :two], &(Process.whereis(&1) != nil)) == [true, false, false]
