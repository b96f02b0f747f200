File.read!(Application.app_dir(:sample, "priv/word.txt")) == "old\n" and
  String.ends_with?(to_string(:code.priv_dir(:sample)), "/sample-0.1.0/priv")
