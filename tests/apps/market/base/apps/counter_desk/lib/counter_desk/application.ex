defmodule CounterDesk.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [%{id: CounterDesk, start: {Agent, :start_link, [fn -> :open end, [name: CounterDesk]]}}]
    Supervisor.start_link(children, strategy: :one_for_one)
  end

  def sell, do: Agent.get_and_update(Goods, &{&1 - 1, &1 - 1})
end
