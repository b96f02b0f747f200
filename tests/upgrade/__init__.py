"""Making upgrade pairs, and installing them on running nodes."""
