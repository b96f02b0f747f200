"""What the host of a node does for its upgrade: it takes the pair's files, and computes the new configuration."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deliver.config.schema import Host
from deliver.errors import DeadlineError, LockedError, NodeError, TargetError
from deliver.node.agent import Agent
from deliver.node.keep import Kept
from deliver.otp.release import Release
from deliver.remote.completed import Completed
from deliver.remote.pump import failure
from deliver.remote.script import Argument, Script, payload, script
from deliver.remote.session import Session
from deliver.remote.who import holder, journal_name, told

#: The exit status of a script that found the host's lock taken.
LOCKED = 75
#: The same for a disk that is full, and what to do then.
FULL = 28
ROOM = "make room there, then run the same command again"
#: Seconds for a script that changes files, and for a virtual machine that computes a configuration.
PATIENCE = 60.0
RESOLVE = 120.0

_SIMPLE = re.compile(r"[a-z_][A-Za-z0-9_]*")
_PARTS = ("lock.sh", "layout.sh")


@dataclass(frozen=True)
class Opening:
    """What is made ready on a host for the upgrade of its node.

    Args:
        pair: the pair's name there.
        to: the younger of its versions, beside which the relup stands.
        version: what the node is to run.
        files: the pair's, as a tar.
        inline: see `resolve`.
        resolves: whether the configuration of `version` is computed.
        question: words of the question that the node is asked then.
    """

    pair: str
    to: str
    version: str
    files: bytes
    inline: Mapping[str, str]
    resolves: bool
    question: tuple[Any, ...]


def put(session: Session, root: str, pair: str, to: str, files: Iterable[bytes], wait: int) -> None:
    """Put the files of a pair, which come as a tar, in place, and its relup beside the release `to`.

    Raises:
        LockedError: somebody else is at work there.
        RemoteError: they could not be written.
    """
    arguments = {"root": root, "pair": pair, "to": to, **_who("upgrade", to, wait)}
    made = script("upgrade_put.sh", arguments, parts=_PARTS)
    _run(session, made, wait, stdin=[_compressed(b"".join(files))])


def resolve(session: Session, host: Host, app: str, version: str, inline: Mapping[str, str]) -> bool:
    """Compute the configuration of a version as its start would, and keep it there for the upgrade.

    Args:
        session: an open session to the host.
        host: whose node.
        app: the release's name.
        version: what is to be installed.
        inline: applications whose top supervisor needs its children, with its registered name.

    Returns:
        Whether there was anything to compute; if not, `release_handler` reads all that there is from `sys.config`.

    Raises:
        NodeError: the node does not run, a config provider failed, or the children cannot be told.
        DeadlineError: it did not end in time.
    """
    arguments = {"path": host.path, "app": app, **_resolution(version, inline)}
    made = script("resolve.sh", arguments, parts=(*_PARTS, "node.sh"))
    done = session.run(made, deadline=RESOLVE, check=False)
    if done.status != 0:
        error = failure(session.name, made, done.status, done.stderr)
        if isinstance(error, DeadlineError):
            raise error
        raise NodeError(f"{error.message}; nothing was changed")
    return any(key == "resolved" for key, _ in done.facts())


def _resolution(version: str, inline: Mapping[str, str]) -> dict[str, Argument]:
    pairs = ", ".join(f"{{:{_elixir(name)}, :{_elixir(registered)}}}" for name, registered in inline.items())
    return {"version": version, "inline": pairs, "resolver": payload("resolve.exprs")}


@contextmanager
def opened(agent: Agent, root: str, opening: Opening, wait: int, stay: float) -> Iterator[Kept]:
    """Take the lock of a host and make all ready there; keep it to the end of the `with`.

    What was computed for the upgrade goes with it, however it ends.

    Args:
        agent: of the node; what it has to be asked first is part of `opening`.
        root: the release's directory.
        opening: what is made ready.
        wait: seconds to wait for the lock.
        stay: seconds that the host may be kept.

    Raises:
        LockedError: somebody else is at work there.
        TargetError: its disk is full.
        NodeError: the configuration cannot be computed.
        RemoteError: the files could not be written.
    """
    content = _compressed(opening.files)
    given: dict[str, Argument] = {
        "root": root,
        "pair": opening.pair,
        "to": opening.to,
        "size": len(content),
        **_who("upgrade", opening.version, wait),
        **agent.question(*opening.question),
        **(_resolution(opening.version, opening.inline) if opening.resolves else {}),
    }
    steps = ["upgrade_put.sh", "upgrade_keep.sh", *(["resolve.sh"] if opening.resolves else []), "ask.sh"]
    made = script("upgrade_open.sh", given, parts=(*_PARTS, "node.sh", *steps))
    with Kept(agent.session, made, [content], stay) as kept:
        _judge(agent.session, made, kept.completed)
        yield kept


def clear(session: Session, root: str) -> None:
    """Remove computed configurations."""
    session.run(script("upgrade_clear.sh", {"root": root}), deadline=PATIENCE)


def commit(agent: Agent, root: str, release: Release, wait: int, lock_as: str = "") -> list[dict[str, Any]]:
    """Make a release that runs the one that its host starts and its node boots; leave nothing of ours in the node.

    Returns:
        Who ran old code until then, as `{pid, name, modules}`.

    Raises:
        LockedError: somebody else is at work there.
        TargetError: its disk is full.
        NodeError: the node did not do it.
    """
    given: dict[str, Argument] = {
        "root": root,
        "version": release.version,
        "erts": release.target.erts,
        "lock_as": lock_as,
        **_who("commit", release.version, wait),
        **agent.farewell(release.version),
    }
    made = script("upgrade_committed.sh", given, parts=(*_PARTS, "node.sh", "upgrade_commit.sh", "ask.sh"))
    done = agent.session.run(made, deadline=PATIENCE + wait, check=False)
    _judge(agent.session, made, done)
    lingering: list[dict[str, Any]] = agent.answer(done)["lingering"]
    return lingering


def _compressed(files: bytes) -> bytes:
    return gzip.compress(files, mtime=0)


def _who(what: str, version: str, wait: int) -> dict[str, Argument]:
    return {"who": journal_name(), "holder": holder(what, version), "wait": wait}


def _run(session: Session, made: Script, wait: int, stdin: Iterable[bytes] | None = None) -> None:
    _judge(session, made, session.run(made, deadline=PATIENCE + wait, stdin=stdin, check=False))


def _judge(session: Session, made: Script, done: Completed) -> None:
    if done.status == LOCKED:
        who = next((values[0] for key, values in done.facts() if key == "locked"), "")
        raise LockedError(f"{session.name}: {told(who)} is at work there", hint="try again later, or use --lock-wait")
    if done.status == 0:
        return
    error = failure(session.name, made, done.status, done.stderr)
    # "I/O error" is all that dash tells of it.
    if done.status == FULL or any(word in done.stderr for word in ("No space left on device", "I/O error")):
        raise TargetError(f"{session.name}: the disk is full: {error.message.partition(': ')[2]}", hint=ROOM)
    if "cannot be computed" in error.message:
        raise NodeError(f"{error.message}; nothing was changed")
    raise error


def _elixir(name: str) -> str:
    """Return `name` as Elixir writes it behind the colon of an atom, whatever it has in it."""
    if _SIMPLE.fullmatch(name):
        return name  # Elixir warns of quotes that it does not need
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("#", "\\#")
    return f'"{escaped}"'
