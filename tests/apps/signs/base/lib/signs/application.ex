defmodule Signs.Application do
  use Application

  # A submodule: without it the project does not compile.
  @external_resource "vendor/words/words.txt"
  @words File.read!("vendor/words/words.txt") |> String.split("\n", trim: true)

  @impl true
  def start(_type, _args) do
    Supervisor.start_link([], strategy: :one_for_one)
  end

  def words, do: @words
end
