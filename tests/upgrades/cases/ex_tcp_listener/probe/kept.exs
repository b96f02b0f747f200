# Until its next turn, within 100 ms, a connection may still be in the old code.
Process.sleep(150)
send(:sample_client, {:echo, self(), "more\n"})
side = %{~c"0.1.0" => "old", ~c"0.2.0" => "new"}[Application.spec(:sample, :vsn)]

receive do
  {:echo, said} -> said == {:ok, side <> " more\n"} and :ets.info(:sample_connections, :size) == 1
end
