import Config

config :sample, word: "other"
