# The versions of the tools that build, as lines of TOOL VERSION.
release = System.otp_release()
file = Path.join([:code.root_dir(), "releases", release, "OTP_VERSION"])

otp =
  case File.read(file) do
    {:ok, text} -> String.trim(text)
    {:error, _} -> release
  end

IO.puts("otp #{otp}")
IO.puts("elixir #{System.version()}")
