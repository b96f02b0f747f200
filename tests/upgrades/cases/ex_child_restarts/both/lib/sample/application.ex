defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children =
      for {name, restart} <- [sleeper: :temporary, worker: :transient, once: :permanent] do
        Supervisor.child_spec({Sample.Sleeper, name}, id: name, restart: restart)
      end

    Supervisor.start_link(children, strategy: :one_for_one, name: Sample.Supervisor)
  end
end
