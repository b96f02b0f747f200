defmodule Ecto.MigrationError do
  defexception [:message]
end

defmodule Ecto.Migration do
  @moduledoc false

  defmacro __using__(_) do
    quote do
      import Ecto.Migration, only: [execute: 1]
      def __migration__, do: [disable_ddl_transaction: false, disable_migration_lock: false]
    end
  end

  def execute(statement) when is_binary(statement) do
    Process.put(:statements, [statement | Process.get(:statements, [])])
    :ok
  end
end
