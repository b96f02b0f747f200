import Config

config :sample, word: "old " <> System.fetch_env!("SAMPLE_WORD"), gone: 1, same: 0
