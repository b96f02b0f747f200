"""What the tasks about nodes show: facts and outcomes as cells, text and documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from deliver.cli.sizes import size
from deliver.errors import DeliverError, HostKeyError, UnreachableError, UsageError
from deliver.otp.version import key

if TYPE_CHECKING:
    from deliver.node.call import Language, Result
    from deliver.node.facts import Facts, Installed
    from deliver.remote.fleet import Outcome

#: What `ping` shows of a node that answers.
PONG = "pong"

_SHORT = 10


def trouble(outcome: Outcome[Any]) -> str:
    """Return in a word why a host has no facts: `unreachable`, `unknown host key` or `failed`."""
    if isinstance(outcome.error, UnreachableError):
        return "unreachable"
    return "unknown host key" if isinstance(outcome.error, HostKeyError) else "failed"


def state(outcome: Outcome[Facts]) -> str:
    """Return how a host's node is: up, starting, silent, down, not installed, or why nobody knows."""
    facts = outcome.value
    if facts is None:
        return trouble(outcome)
    if facts.node is not None:
        return "up" if facts.node.booted else "starting"
    if facts.process is not None:
        return "suspended" if facts.process.suspended else "silent"
    return "down" if facts.installed else "not installed"


def pong(outcome: Outcome[Facts]) -> tuple[str, str]:
    """Return the host and its answer; a node that is still starting does answer."""
    found = state(outcome)
    return outcome.name, PONG if found in {"up", "starting"} else found


def silent(outcome: Outcome[Facts], error: DeliverError) -> Outcome[Facts]:
    """Return the outcome, with `error` in it when the host has told its facts but its node does not answer."""
    if outcome.value is None or pong(outcome)[1] == PONG:
        return outcome
    return replace(outcome, value=None, error=error)


def versions(outcome: Outcome[Facts]) -> list[str]:
    """Return the cells of `version`: host, what runs, what boots next, what is there."""
    facts = outcome.value
    if facts is None:
        return [outcome.name, trouble(outcome), "", ""]
    return [
        outcome.name,
        _with_commit(running(facts), facts) or state(outcome),
        _with_commit(facts.permanent, facts),
        ", ".join(_labelled(one) for one in sorted(facts.installed, key=lambda one: key(one.version))),
    ]


def running(facts: Facts) -> str:
    """Return the version that runs; of a node that does not answer, the one that it booted from."""
    if facts.node is not None:
        return facts.node.current
    return facts.process.version if facts.process is not None else ""


def versions_document(outcome: Outcome[Facts]) -> dict[str, Any]:
    """Return what `version` tells machines of one host."""
    facts = outcome.value
    if facts is None:
        return {"host": outcome.name, "state": trouble(outcome)}
    return {
        "host": outcome.name,
        "state": state(outcome),
        "running": running(facts) or None,
        "permanent": facts.permanent or None,
        "installed": [asdict(one) for one in facts.installed],
    }


def status(outcome: Outcome[Facts]) -> list[object]:
    """Return the cells of `status`."""
    facts = outcome.value
    if facts is None:
        return [outcome.name, state(outcome), "", "", "", "", "", ""]
    node, process = facts.node, facts.process
    return [
        outcome.name,
        state(outcome),
        running(facts),
        duration(node.uptime) if node else "",
        size(node.memory) if node else "",
        node.processes if node else "",
        process.pid if process else "",
        process.node if process else "",
    ]


def status_document(outcome: Outcome[Facts]) -> dict[str, Any]:
    """Return what `status` tells machines of one host."""
    facts = outcome.value
    if facts is None:
        return {"host": outcome.name, "state": state(outcome), "error": outcome.error and outcome.error.message}
    return {
        "host": outcome.name,
        "state": state(outcome),
        "version": running(facts) or None,
        "permanent": facts.permanent or None,
        "root": facts.root,
        "free": facts.free,
        "locks": {name: as_document(holder) for name, holder in facts.locks.items()},
        "silence": facts.silence or None,
        "rolled": as_document(facts.rolled) if facts.rolled else None,
        "process": asdict(facts.process) if facts.process else None,
        "node": asdict(facts.node) if facts.node else None,
    }


def as_document(text: str) -> Any:
    """Return what a host told as JSON; the text itself when it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def unended(facts: Facts) -> str:
    """Return which roll left a host in the middle of its change; empty for none."""
    from deliver.rollout.journal import parsed

    entry = parsed(facts.rolled)
    if entry is None or entry.outcome == "ok":
        return ""
    what = f"{entry.action} {entry.version}".strip()
    how = "failed there" if entry.outcome == "failed" else "has not ended there"
    return f"{what} by {entry.who}, {entry.at}, {how}{entry.reason and f': {entry.reason}'}"


def states(by_host: Mapping[str, str]) -> list[dict[str, str]]:
    """Return hosts and their states for machines."""
    return [{"host": name, "state": found} for name, found in by_host.items()]


def duration(seconds: float) -> str:
    """Return a time in its two largest units: `3 d 4 h`."""
    rest = int(seconds)
    parts = []
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, length)
        parts.append((count, unit))
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2])


def language(*, elixir: bool, erlang: bool) -> Language:
    """Return what `--elixir` and `--erlang` choose.

    Raises:
        UsageError: both are given.
    """
    if elixir and erlang:
        raise UsageError("the code cannot be both --elixir and --erlang")
    return "elixir" if elixir else "erlang" if erlang else "auto"


def results(found: Sequence[Result], *, several: bool) -> str:
    """Return what expressions printed and came to; each host under its name where there are several."""
    parts = []
    for one in found:
        body = one.printed + ("" if one.failed else one.value)
        if several:
            parts.append(f"{one.host}:\n" + "".join(f"  {line}\n" for line in body.splitlines()))
        elif body:
            parts.append(body.rstrip("\n") + "\n")
    return "".join(parts)


def result_document(result: Result) -> dict[str, Any]:
    """Return what `rpc` tells machines of one host."""
    return asdict(result)


def prefixed(text: bytes, prefix: bytes) -> bytes:
    """Return `text` with `prefix` before each line, and an end to its last line."""
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    return b"".join(prefix + line + b"\n" for line in lines)


class Lines:
    """Passes on whole lines of a stream, each with a prefix, so that several streams can share a screen.

    Args:
        prefix: what stands before each line.
        sink: takes them.
    """

    def __init__(self, prefix: bytes, sink: Callable[[bytes], None]) -> None:
        self._prefix = prefix
        self._sink = sink
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Take some more of the stream."""
        whole, end, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest
        if end:
            self._sink(prefixed(whole + end, self._prefix))

    def end(self) -> None:
        """Pass on a last line without an end."""
        if self._rest:
            self._sink(prefixed(self._rest, self._prefix))
            self._rest = b""


def _with_commit(version: str, facts: Facts) -> str:
    installed = facts.has(version) if version else None
    return _labelled(installed) if installed else version


def _labelled(installed: Installed) -> str:
    return f"{installed.version} ({installed.commit[:_SHORT]})" if installed.commit else installed.version
