Sample.Words.greeting() == "configured plain" and Process.whereis(:come) != nil and
  Process.whereis(:gone) == nil and Application.spec(:gone) == nil and
  :code.which(Gone) == :non_existing
