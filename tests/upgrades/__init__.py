"""The corpus: pairs of small real applications, each with the verdict that it must get, and probes that prove it."""
