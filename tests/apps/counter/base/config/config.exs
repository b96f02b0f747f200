import Config

config :counter, greeting: "hello"
