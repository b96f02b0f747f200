import Config

config :goods, stock: 7
