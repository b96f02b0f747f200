Logger.level() == :info and Application.get_env(:logger, :console)[:metadata] == [:module]
