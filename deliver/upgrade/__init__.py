"""Upgrade pairs: made and proven on the build host, installed on running nodes, and taken back."""
