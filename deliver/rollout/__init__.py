"""Several hosts: in which order, and when to stop."""
