"""The scripts for people: the demo, the checks."""
