"""The only room that opens a connection."""
