"""Reading what options say."""

from __future__ import annotations

from deliver.errors import UsageError


def seconds(text: str, default: float) -> float:
    """Return what `--probation` says; the default when it says nothing.

    Raises:
        UsageError: it is no number of seconds.
    """
    given = _number(text) if text else default
    if not 0 <= given < float("inf"):
        raise UsageError(f"--probation needs a number of seconds, not {text!r}")
    return given


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
