"""Where releases are kept."""
