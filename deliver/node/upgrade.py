"""What the host of a node does for its upgrade: it takes the pair's files, and computes the new configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from deliver.config.schema import Host
from deliver.errors import DeadlineError, LockedError, NodeError
from deliver.otp.release import Release
from deliver.remote.pump import failure
from deliver.remote.script import Argument, Script, payload, script
from deliver.remote.session import Session
from deliver.remote.who import holder, journal_name, told

#: The exit status of a script that found the host's lock taken.
LOCKED = 75
#: Seconds for a script that changes files, and for a virtual machine that computes a configuration.
PATIENCE = 60.0
RESOLVE = 120.0

_SIMPLE = re.compile(r"[a-z_][A-Za-z0-9_]*")
_PARTS = ("lock.sh", "layout.sh")


def put(session: Session, root: str, pair: str, to: str, files: Iterable[bytes], wait: int) -> None:
    """Put the files of a pair, which come as a tar, in place, and its relup beside the release `to`.

    Raises:
        LockedError: somebody else is at work there.
        RemoteError: they could not be written.
    """
    arguments = {"root": root, "pair": pair, "to": to, **_who("upgrade", to, wait)}
    made = script("upgrade_put.sh", arguments, parts=_PARTS)
    _run(session, made, wait, stdin=files)


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
    pairs = ", ".join(f"{{:{_elixir(name)}, :{_elixir(registered)}}}" for name, registered in inline.items())
    arguments = {"path": host.path, "app": app, "version": version, "inline": pairs, "exprs": payload("resolve.exprs")}
    made = script("resolve.sh", arguments, parts=(*_PARTS, "node.sh"))
    done = session.run(made, deadline=RESOLVE, check=False)
    if done.status != 0:
        error = failure(session.name, made, done.status, done.stderr)
        if isinstance(error, DeadlineError):
            raise error
        raise NodeError(f"{error.message}; nothing was changed")
    return any(key == "resolved" for key, _ in done.facts())


def clear(session: Session, root: str) -> None:
    """Remove computed configurations."""
    session.run(script("upgrade_clear.sh", {"root": root}), deadline=PATIENCE)


def activate(session: Session, root: str, release: Release, wait: int) -> None:
    """Make a release that the node has made permanent the one that the host starts.

    Raises:
        LockedError: somebody else is at work there.
        RemoteError: it could not be written.
    """
    arguments = {
        "root": root,
        "version": release.version,
        "erts": release.target.erts,
        **_who("commit", release.version, wait),
    }
    _run(session, script("upgrade_commit.sh", arguments, parts=_PARTS), wait)


def _who(what: str, version: str, wait: int) -> dict[str, Argument]:
    return {"who": journal_name(), "holder": holder(what, version), "wait": wait}


def _run(session: Session, made: Script, wait: int, stdin: Iterable[bytes] | None = None) -> None:
    done = session.run(made, deadline=PATIENCE + wait, stdin=stdin, check=False)
    if done.status == LOCKED:
        who = next((values[0] for key, values in done.facts() if key == "locked"), "")
        raise LockedError(f"{session.name}: {told(who)} is at work there", hint="try again later, or use --lock-wait")
    if done.status != 0:
        raise failure(session.name, made, done.status, done.stderr)


def _elixir(name: str) -> str:
    """Return `name` as Elixir writes it behind the colon of an atom, whatever it has in it."""
    if _SIMPLE.fullmatch(name):
        return name  # Elixir warns of quotes that it does not need
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("#", "\\#")
    return f'"{escaped}"'
