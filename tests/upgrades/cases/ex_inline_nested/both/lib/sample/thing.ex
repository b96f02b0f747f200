defmodule Sample.Thing do
  def child_spec(name),
    do: %{id: name, start: {Agent, :start_link, [Function, :identity, [name], [name: name]]}}
end
