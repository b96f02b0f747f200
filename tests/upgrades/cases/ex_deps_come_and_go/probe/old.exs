Sample.Words.greeting() == "gone" and Process.whereis(:gone) != nil and
  Process.whereis(:come) == nil and
  Application.spec(:come) == nil and :code.which(Plain) == :non_existing
