defmodule Sample.Special do
  def child_spec(_), do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}}
  def start_link, do: :proc_lib.start_link(__MODULE__, :init, [self()])

  def init(parent) do
    Process.register(self(), __MODULE__)
    :proc_lib.init_ack(parent, {:ok, self()})
    loop(parent, {:special, 0})
  end

  def loop(parent, {:special, count} = state) do
    receive do
      {:step, from} ->
        send(from, {:count, count})
        loop(parent, {:special, count + 1})

      {:system, from, request} ->
        :sys.handle_system_msg(request, from, parent, __MODULE__, [], state)
    end
  end

  def system_continue(parent, _, state), do: loop(parent, state)
  def system_terminate(reason, _, _, _), do: exit(reason)
  def system_get_state(state), do: {:ok, state}
  def system_code_change(state, _, _, _), do: {:ok, state}
end
