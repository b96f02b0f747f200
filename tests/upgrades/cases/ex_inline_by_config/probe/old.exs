Supervisor.count_children(Sample.Supervisor).active == 3
