import Config

config :sample, things: 2
