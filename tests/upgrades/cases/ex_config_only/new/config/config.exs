import Config

config :sample, word: "new", come: 2, same: 0
