Application.spec(:sample, :vsn) == ~c"0.2.0"
