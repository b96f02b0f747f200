:ok = Supervisor.terminate_child(Sample.Supervisor, :word)
{:ok, _} = Supervisor.restart_child(Sample.Supervisor, :word)
Agent.get(:word, & &1) == "old"
