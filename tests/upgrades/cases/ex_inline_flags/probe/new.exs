{:ok, spec} = :supervisor.get_childspec(Sample.Supervisor, Sample.Server)
spec.start == {Sample.Server, :start_link, [:other]}
