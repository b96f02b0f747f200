"""What an upgrade is made of, without a node."""
