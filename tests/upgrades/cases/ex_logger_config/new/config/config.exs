import Config

config :logger, level: :warning
config :logger, :console, metadata: [:module, :line]
