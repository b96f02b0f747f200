defmodule Sample.Thing do
  use Agent

  def child_spec(name), do: %{id: name, start: {__MODULE__, :start_link, [name]}}
  def start_link(name), do: Agent.start_link(Function, :identity, [name], name: name)
end
