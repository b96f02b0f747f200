import Config

config :sample, word: "new " <> System.fetch_env!("SAMPLE_WORD"), come: 2, same: 0
