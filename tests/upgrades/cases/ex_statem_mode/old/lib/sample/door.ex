defmodule Sample.Door do
  @behaviour :gen_statem

  def child_spec(_), do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}}
  def start_link, do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, nil, [])
  def push, do: :gen_statem.call(__MODULE__, :push)

  @impl true
  def callback_mode, do: :state_functions

  @impl true
  def init(_), do: {:ok, :shut, 0}

  def shut({:call, from}, :push, pushes),
    do: {:next_state, :open, pushes + 1, {:reply, from, :open}}

  def open({:call, from}, :push, pushes),
    do: {:next_state, :shut, pushes + 1, {:reply, from, :shut}}
end
