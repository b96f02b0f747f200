"""What `scripts/bench` measures: our way beside the plain way, on real hosts, in one run."""
