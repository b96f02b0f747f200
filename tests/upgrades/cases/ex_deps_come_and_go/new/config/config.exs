import Config

config :come, word: "configured"
