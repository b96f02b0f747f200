defmodule Counter.Protocol do
  @moduledoc "What a line that comes in is answered with."

  def answer("incr"), do: Integer.to_string(Counter.Memory.increment())
  def answer("get"), do: Integer.to_string(Counter.Memory.get())
  def answer("version"), do: to_string(Application.spec(:counter, :vsn))
  def answer("greet"), do: Application.fetch_env!(:counter, :greeting)
  def answer(_), do: "what?"
end
