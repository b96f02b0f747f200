defmodule Sample.Door do
  @behaviour :gen_statem

  def child_spec(_), do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}}
  def start_link, do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, nil, [])
  def push, do: :gen_statem.call(__MODULE__, :push)

  @impl true
  def callback_mode, do: :state_functions

  @impl true
  def init(_), do: {:ok, :closed, %{pushes: 0, locked: false}}

  def closed({:call, from}, :push, data) do
    {:next_state, :open, %{data | pushes: data.pushes + 1}, {:reply, from, :open}}
  end

  def open({:call, from}, :push, data) do
    {:next_state, :closed, %{data | pushes: data.pushes + 1}, {:reply, from, :closed}}
  end

  @impl true
  def code_change({:down, _}, state, data, _) do
    {:ok, if(state == :closed, do: :shut, else: state), Map.delete(data, :locked)}
  end

  def code_change(_, state, data, _) do
    {:ok, if(state == :shut, do: :closed, else: state), Map.put(data, :locked, false)}
  end
end
