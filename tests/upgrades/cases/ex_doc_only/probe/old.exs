Application.spec(:sample, :vsn) == ~c"0.1.0"
