defmodule Ecto.Repo do
  @moduledoc false

  defmacro __using__(options) do
    quote do
      @otp_app Keyword.fetch!(unquote(options), :otp_app)
      @adapter Keyword.fetch!(unquote(options), :adapter)

      def __adapter__, do: @adapter
      def config, do: [otp_app: @otp_app] ++ Application.get_env(@otp_app, __MODULE__, [])

      def child_spec(_),
        do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}, type: :supervisor}

      def start_link(options \\ []), do: @adapter.start_link(__MODULE__, config() ++ options)
      def stop(timeout \\ 5000), do: Agent.stop(__MODULE__, :normal, timeout)
      def get_dynamic_repo, do: Process.get({__MODULE__, :dynamic_repo}, __MODULE__)
      def put_dynamic_repo(name), do: Process.put({__MODULE__, :dynamic_repo}, name) || __MODULE__
    end
  end
end
