File.read!(Application.app_dir(:sample, "priv/word.txt")) == "new\n" and
  String.ends_with?(to_string(:code.priv_dir(:sample)), "/sample-0.2.0/priv")
