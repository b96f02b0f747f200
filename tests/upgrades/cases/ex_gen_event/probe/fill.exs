:gen_event.sync_notify(:events, :ring) == :ok
