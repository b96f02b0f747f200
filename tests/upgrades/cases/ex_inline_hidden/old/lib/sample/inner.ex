defmodule Sample.Inner do
  def start_link, do: Supervisor.start_link([], strategy: :one_for_one)
end
