import Config

config :sample, secret: System.fetch_env!("SAMPLE_SECRET")
