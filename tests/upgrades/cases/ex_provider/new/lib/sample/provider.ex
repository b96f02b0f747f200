defmodule Sample.Provider do
  @behaviour Config.Provider

  @impl true
  def init(key), do: key

  @impl true
  def load(config, key), do: Config.Reader.merge(config, sample: [{key, "new"}, {:more, 1}])
end
