"""What a roll's own words are called in front of people."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

from deliver.rollout.events import Step
from deliver.rollout.spans import Account, Mood

#: Each step's letter, for where its name does not fit, and what it is.
STEPS: Final[dict[Step, tuple[str, str]]] = {
    "lock": ("L", "take the lock"),
    "build": ("B", "build what the store lacks"),
    "ship": ("P", "bring the release to the host"),
    "check": ("C", "look before anything is changed"),
    "once": ("O", "a command that runs once"),
    "hook": ("K", "a command of yours"),
    "drain": ("D", "take it out of service"),
    "stop": ("S", "stop the node"),
    "upgrade": ("U", "change the running node"),
    "start": ("R", "start the node"),
    "cluster": ("J", "wait until it is in the cluster again"),
    "health": ("H", "wait until it is healthy"),
    "undrain": ("N", "put it into service"),
    "undo": ("Z", "take it back"),
    "pause": ("…", "wait between batches"),
    "confirm": ("?", "wait for a person"),
    "batch": ("#", "a batch"),
}
#: How it went for a host, in words.
ENDS: Final[dict[Mood, str]] = {
    "failed": "failed",
    "open": "unknown",
    "back": "taken back",
    "well": "done",
    "waiting": "not started",
}
WAYS: Final = {
    "none": "nothing to do",
    "finish": "see to its end",
    "hot": "hot upgrade",
    "restart": "restart",
    "start": "start",
}
SIGNS: Final[dict[Mood, str]] = {"failed": "✖", "open": "?", "back": "↶", "well": "✔", "waiting": "○"}


def duration(seconds: float) -> str:
    """Return how long something took: `45 ms`, `8.3 s`, `2 min 5 s`, `1 h 10 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds else "0 s"
    if round(seconds, 1) < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f} s".replace(".0 ", " ")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def moment(at: float) -> str:
    """Return a time in seconds since 1970 as people write it, in UTC."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def count(number: int, noun: str) -> str:
    """Return a number of things: `1 host`, `3 hosts`, `2 batches`."""
    plural = noun + ("es" if noun.endswith("ch") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def letter(step: str) -> str:
    """Return a step's letter; a record may be of a newer deliver, with steps that we do not know."""
    return next((sign for known, (sign, _) in STEPS.items() if known == step), step[:1].upper())


def state(host: Account) -> str:
    """Return what a host is, as far as we know."""
    if host.final is None:
        return _last_word(host)
    runs = f"runs {host.final.version}" if host.final.version else "runs"
    words = {"new": runs, "old": runs, "down": "down", "unknown": "nobody knows"}
    return words.get(host.final.state, host.final.state)


def _last_word(host: Account) -> str:
    """Return what is known of a host when the run did not come to say it."""
    if not host.spans:
        return "not started"
    last = host.failures[-1] if host.failures else host.spans[-1]
    words = {"failed": f"failed in {last.step}", "open": f"broke off at {last.step}", "waiting": "not started"}
    return words.get(host.mood, "was healthy")
