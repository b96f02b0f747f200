"""A whole environment brought to a version: planned, shipped, rolled, and told."""
