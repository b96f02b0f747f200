"""A value that must not be shown."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Secret:
    """A secret: printing it, formatting it or putting it into an error shows only stars.

    Args:
        reveal: the value itself; named so that every use of it stands out.
    """

    reveal: str = field(repr=False)

    def __str__(self) -> str:
        return "***"

    __repr__ = __str__

    def __format__(self, _spec: str) -> str:
        return "***"


def masked(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return `text` with every secret in it replaced by stars."""
    for secret in sorted(secrets, key=lambda one: -len(one.reveal)):
        if secret.reveal:
            text = text.replace(secret.reveal, "***")
    return text
