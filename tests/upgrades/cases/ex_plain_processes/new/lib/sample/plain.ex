defmodule Sample.Plain do
  def loop(count) do
    receive do
      {:step, from} -> send(from, {:step, :new, count})
    end

    __MODULE__.loop(count + 1)
  end
end
