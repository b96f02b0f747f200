import Config

config :sample, word: "old"
