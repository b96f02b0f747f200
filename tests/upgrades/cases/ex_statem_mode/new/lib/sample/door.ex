defmodule Sample.Door do
  @behaviour :gen_statem

  def child_spec(_), do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}}
  def start_link, do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, nil, [])
  def push, do: :gen_statem.call(__MODULE__, :push)

  @impl true
  def callback_mode, do: :handle_event_function

  @impl true
  def init(_), do: {:ok, :shut, 0}

  @impl true
  def handle_event({:call, from}, :push, state, pushes) do
    next = if state == :shut, do: :open, else: :shut
    {:next_state, next, pushes + 1, {:reply, from, {:new, next}}}
  end

  @impl true
  def code_change(_, state, pushes, _), do: {:ok, state, pushes}
end
