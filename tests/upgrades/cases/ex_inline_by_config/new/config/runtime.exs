import Config

config :sample, things: 3, extra: System.get_env("EXTRA") == "yes"
