defmodule Sample.Kit do
  defmacro __using__(_) do
    quote do
      use GenServer

      def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

      @impl true
      def handle_call({:put, value}, _from, _), do: {:reply, true, value}
      def handle_call(:get, _from, value), do: {:reply, {"old", value}, value}
    end
  end

  defmacro word, do: "old"
end
