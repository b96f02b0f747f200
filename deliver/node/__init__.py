"""One node: its facts, start, stop, calls, what is installed."""
