import Config

config :sample, word: "new"
