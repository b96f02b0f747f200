import Config

config :sample, word: "runtime"
