"""Where releases are kept, by content."""
