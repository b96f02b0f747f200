defmodule Sample.Rooms do
  use DynamicSupervisor

  def start_link(_), do: DynamicSupervisor.start_link(__MODULE__, nil, name: __MODULE__)
  def open(name), do: DynamicSupervisor.start_child(__MODULE__, {Sample.Room, name})

  def all,
    do:
      for({_, pid, _, _} <- DynamicSupervisor.which_children(__MODULE__), do: :sys.get_state(pid))

  @impl true
  def init(_),
    do: DynamicSupervisor.init(strategy: :one_for_one, max_children: 20, max_restarts: 7)
end
