defmodule Goods.Application do
  use Application

  @impl true
  def start(_type, _args) do
    stock = Application.fetch_env!(:goods, :stock)
    children = [%{id: Goods, start: {Agent, :start_link, [fn -> stock end, [name: Goods]]}}]
    Supervisor.start_link(children, strategy: :one_for_one)
  end
end
