import Config

config :sample, word: "old", gone: 1, same: 0
