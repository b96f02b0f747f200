Logger.level() == :warning and
  Application.get_env(:logger, :console)[:metadata] == [:module, :line]
