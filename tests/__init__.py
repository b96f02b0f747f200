"""What shows that deliver does what it says."""
