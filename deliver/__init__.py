"""Takes Erlang/OTP applications from a git tag to running nodes."""

__version__ = "0.1.0"
