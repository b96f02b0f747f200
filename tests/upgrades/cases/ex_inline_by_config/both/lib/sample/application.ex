defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    things = for n <- 1..Application.fetch_env!(:sample, :things), do: thing({:thing, n})
    extra = if Application.get_env(:sample, :extra), do: [thing(:extra)], else: []

    Supervisor.start_link([Sample.Server] ++ things ++ extra,
      strategy: :one_for_one,
      name: Sample.Supervisor
    )
  end

  defp thing(id), do: %{id: id, start: {Agent, :start_link, [Function, :identity, [id]]}}
end
