defmodule Sample.Thing do
  def child_spec(name) do
    %{
      id: {:thing, name},
      start: {Agent, :start_link, [Function, :identity, [name], [name: name]]}
    }
  end
end
