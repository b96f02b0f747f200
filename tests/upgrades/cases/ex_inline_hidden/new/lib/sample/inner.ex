defmodule Sample.Inner do
  def start_link, do: Supervisor.start_link([Sample.Server], strategy: :one_for_one)
end
