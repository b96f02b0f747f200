"""Developers' own appups: which one counts, and what it says. Pure.

They were read, and their instructions made low-level ones, by OTP's own `systools_rc`: see `payload/deliver_word.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from deliver.errors import BuildError
from deliver.otp.upgrade.pair import Finding

#: Where an appup is found, the strongest place first: in `.deliver/appups`, `rel/appups`, `priv/appups`, `src`, `ebin`.
DELIVER, REL, PRIV, SRC, EBIN = range(5)
#: Places that have one file for an application, so that it must be of the version.
_SINGLE = (DELIVER, SRC, EBIN)


@dataclass(frozen=True)
class Script:
    """One way of an appup, as low-level instructions.

    Args:
        early: those before the point of no return.
        late: those after it.
        modules: that it loads or removes.
        brutal: those of them whose old code's processes it kills.
        stops: applications that it stops, if only to start them again.
        restarts: whether it restarts the emulator.
        listed: its instructions, as they stand in the appup.
    """

    early: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    brutal: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    restarts: bool = False
    listed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Appup:
    """An appup of an application, and what it says of the way between its two versions.

    Args:
        app: the application.
        origin: where the file is, for messages.
        rank: which kind of place that is: `DELIVER` to `EBIN`.
        own: whether it came with the release, not from the repository.
        version: the version that it leads to.
        up: from the old version; None when it does not say.
        down: back to it.
        problem: why it cannot be used; empty for nothing.
    """

    app: str
    origin: str
    rank: int
    own: bool = False
    version: str = ""
    up: Script | None = None
    down: Script | None = None
    problem: str = ""

    def way(self, *, is_up: bool) -> Script:
        """Return one way of an appup that covers both."""
        found = self.up if is_up else self.down
        assert found is not None  # noqa: S101  # only such are chosen
        return found


@dataclass(frozen=True)
class Chosen:
    """The appups that count.

    Args:
        by_app: one for an application at most.
        findings: what an operator should know of them, and of those that do not count.
    """

    by_app: Mapping[str, Appup] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def restart_reasons(self) -> list[str]:
        """Why these appups need a restart of the node."""
        return [
            f"{one.origin} restarts the emulator"
            for one in self.by_app.values()
            if one.way(is_up=True).restarts or one.way(is_up=False).restarts
        ]


def parse(document: Iterable[Mapping[str, Any]]) -> list[Appup]:
    """Read what `deliver_word` says of appups."""
    return [Appup(**{**one, "up": _script(one.get("up")), "down": _script(one.get("down"))}) for one in document]


def _script(document: Mapping[str, Any] | None) -> Script | None:
    if document is None:
        return None
    found: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in document.items()}
    return Script(**found)


def choose(appups: Iterable[Appup], versions: Mapping[str, tuple[str, str]]) -> Chosen:
    """Choose for each application the strongest appup that covers both ways.

    Args:
        appups: all that were found.
        versions: the old and the new version of each application.

    Raises:
        BuildError: one of the repository cannot be read, or is of another version.
    """
    by_app: dict[str, Appup] = {}
    findings: list[Finding] = []
    ranked = sorted(appups, key=lambda one: (one.app, one.rank))
    for app, candidates in groupby(ranked, key=lambda one: one.app):
        for one in candidates:
            wrong = _wrong(one, *versions[app])
            if wrong and not one.own:
                raise BuildError(f"{one.origin}: {wrong}", hint=_HINT)
            covers = not wrong and one.up is not None and one.down is not None
            findings += _findings(one, wrong, versions[app][0]) if not covers else ()
            if covers:
                by_app[app] = one
                findings += _used(one)
                break
    return Chosen(by_app, tuple(findings))


_HINT = "correct it for the version that this release has, or delete it: `appup --write` writes one"


def _wrong(one: Appup, _: str, new: str) -> str:
    if one.problem:
        return one.problem
    if one.version != new and one.rank in _SINGLE:
        return f"it is of {one.app} {one.version}, and the release has {new}"
    return ""


def _findings(one: Appup, wrong: str, old: str) -> Iterator[Finding]:
    if wrong:
        yield Finding("warning", one.origin, f"does not count: {wrong}")
    elif one.up is not None or one.down is not None:
        way = "up from" if one.up is not None else "down to"
        yield Finding("warning", one.origin, f"does not count: it covers only the way {way} {one.app} {old}")
    elif one.version and one.rank in _SINGLE:
        yield Finding("note", one.origin, f"does not count: it does not cover {one.app} {old}")


def _used(one: Appup) -> Iterator[Finding]:
    yield Finding("note", one.app, f"its instructions are those of {one.origin}")
    brutal = sorted({*one.way(is_up=True).brutal, *one.way(is_up=False).brutal})
    if brutal:
        text = f"{one.origin} kills processes that still run older code of {', '.join(brutal)}"
        yield Finding("note", one.app, text)


def uncovered(one: Appup, changed: Sequence[str], *, is_up: bool) -> list[str]:
    """Return the changed modules of an application that its appup does not mention, sorted."""
    return sorted(set(changed) - set(one.way(is_up=is_up).modules))
