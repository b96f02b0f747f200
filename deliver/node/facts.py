"""What is true of a host now: what is installed, what runs, and what the node itself says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, cast

from deliver.config.schema import Host
from deliver.errors import NodeError
from deliver.node.answer import decode
from deliver.otp.release import Target
from deliver.remote.script import payload, script
from deliver.remote.session import Session


@dataclass(frozen=True)
class Installed:
    """A version that a host has.

    Args:
        version: the release's version.
        manifest: digest of its manifest; empty for a version that deliver did not install.
        commit: the full SHA of the commit it was built from; empty when unknown.
        overlaid: whether it has files of the configuration.
    """

    version: str
    manifest: str = ""
    commit: str = ""
    overlaid: bool = False


@dataclass(frozen=True)
class Process:
    """The operating system's process of a node.

    Args:
        pid: its process id.
        node: the full node name; empty when the node is not distributed.
        name_type: `sname` or `name`; empty when the node is not distributed.
        version: the version it was booted from.
        started_at: seconds since 1970; 0 when unknown.
        suspended: whether it was stopped by a signal (SIGSTOP), and so answers nothing.
    """

    pid: int
    node: str
    name_type: Literal["sname", "name", ""]
    version: str
    started_at: float
    suspended: bool = False


@dataclass(frozen=True)
class NodeState:
    """What a node answered.

    Args:
        name: its full name.
        current: the version that runs, which differs from the booted one after a hot upgrade.
        permanent: the version that it boots next, as it believes; empty when `sasl` does not run there.
        uptime: seconds since it booted.
        memory: bytes that its virtual machine holds.
        processes: how many Erlang processes it has.
        applications: version by name of all that run.
        otp: the OTP release: `25`.
        erts: the version of its runtime system.
        booted: whether it is through with its boot script.
        incarnation: another one after each start, and after each restart inside the node.
        wanted: version by name of all that have to run, by the release that it runs.
    """

    name: str
    current: str
    permanent: str
    uptime: float
    memory: int
    processes: int
    applications: dict[str, str] = field(hash=False)
    otp: str
    erts: str
    booted: bool
    incarnation: str = ""
    wanted: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Facts:
    """What one host says of itself; see `gather`.

    Args:
        host: its name, as the operator knows it.
        root: the release's directory, absolute and without symbolic links, whether it exists or not.
        exists: whether it does.
        target: what can run there; its `erts` is empty.
        user: who we are there.
        home: that user's home directory.
        free: bytes that this user can still write where the root is.
        free_inodes: files that can still be made there; -1 when the file system does not count them.
        tools: which of the programs that scripts may want are there.
        installed: versions, in no particular order.
        permanent: the version that `start_erl.data` names; empty when there is none.
        style: whose start script that version has: `mix` or `relx`; empty when there is none.
        has_cookie: whether `releases/COOKIE` is there.
        lock: who works on the host, as JSON; empty when nobody does.
        locks: who has the lock of an environment that this host keeps, as JSON, by environment.
        rolled: the last line of its journal about a roll, as JSON; empty when there is none.
        process: the node's process; None when it does not run.
        node: what the node answered; None when it does not run or does not answer.
        silence: why a process that runs does not answer; empty when it does.
    """

    host: str
    root: str
    exists: bool
    target: Target
    user: str
    home: str
    free: int
    free_inodes: int
    tools: frozenset[str]
    installed: tuple[Installed, ...] = ()
    permanent: str = ""
    style: Literal["mix", "relx", ""] = ""
    has_cookie: bool = False
    lock: str = ""
    locks: dict[str, str] = field(default_factory=dict, hash=False)
    rolled: str = ""
    process: Process | None = None
    node: NodeState | None = None
    silence: str = ""

    def has(self, version: str) -> Installed | None:
        """Return the installed version called exactly `version`, or None."""
        return next((one for one in self.installed if one.version == version), None)


def gather(session: Session, host: Host, app: str) -> Facts:
    """Ask a host for its facts, all in one script.

    Args:
        session: an open session to `host`.
        host: says below which path releases live there.
        app: the release's name.

    Raises:
        RemoteError: this user may not enter the path.
        DeadlineError: the host did not tell in time, or the connection was lost.
    """
    arguments = {"path": host.path, "app": app, "exprs": payload("status.exprs")}
    told = session.run(script("facts.sh", arguments, parts=("node.sh",)), deadline=30.0)
    return parse(host.name, told.facts())


def parse(host: str, lines: Iterable[tuple[str, list[str]]]) -> Facts:
    """Return the facts that `facts.sh` wrote as lines of a key and values."""
    said: dict[str, list[list[str]]] = defaultdict(list)
    for key, values in lines:
        said[key].append(values)
    node, silence = _node(said)
    return Facts(
        host=host,
        root=_one(said, "root"),
        exists="exists" in said,
        target=_target(said),
        user=_one(said, "user"),
        home=_one(said, "home"),
        free=int(_one(said, "free") or 0) * 1024,
        free_inodes=int(_one(said, "inodes") or -1),
        tools=frozenset(values[0] for values in said["tool"]),
        installed=tuple(_installed(said)),
        permanent=_one(said, "permanent"),
        style=cast("Literal['mix', 'relx', '']", _one(said, "style")),
        has_cookie="cookie" in said,
        lock=_one(said, "lock"),
        locks={values[0]: values[1] for values in said["environment_lock"]},
        rolled=_one(said, "rolled"),
        process=_process(said),
        node=node,
        silence=silence,
    )


def _one(said: dict[str, list[list[str]]], key: str) -> str:
    return said[key][0][0] if said[key] else ""


def _target(said: dict[str, list[list[str]]]) -> Target:
    libc, _, version = _one(said, "libc").partition(" ")
    return Target(os=_one(said, "os"), arch=_one(said, "arch"), libc=libc, libc_version=version)


def _installed(said: dict[str, list[list[str]]]) -> Iterable[Installed]:
    manifests = dict(said["manifest"])
    commits = {version: _commit(record) for version, record in said["record"]}
    for (version,) in said["installed"]:
        overlaid = [version] in said["overlaid"]
        yield Installed(version, manifests.get(version, ""), commits.get(version, ""), overlaid)


def _commit(record: str) -> str:
    try:
        document = json.loads(record)
        return str(document["commit"])
    except (ValueError, KeyError, TypeError):
        return ""


def _process(said: dict[str, list[list[str]]]) -> Process | None:
    if not said["process"]:
        return None
    pid, node, name_type, version, started, state = said["process"][0]
    kind = cast("Literal['sname', 'name', '']", name_type)
    return Process(int(pid), node, kind, version, float(started), suspended=state == "T")


def _node(said: dict[str, list[list[str]]]) -> tuple[NodeState | None, str]:
    if not said["answer"]:
        return None, _one(said, "silence")
    try:
        return node_state(decode(_one(said, "answer")).decode("utf-8", "replace")), ""
    except NodeError as error:
        return None, error.message


def node_state(text: str) -> NodeState:
    """Read what `status.exprs` says: lines of a key and values that a tab divides.

    Raises:
        NodeError: a line is missing or damaged.
    """
    try:
        return _node_state(text)
    except (KeyError, ValueError, IndexError) as error:
        raise NodeError(f"the node told less than it should: {error!r}") from error


def _node_state(text: str) -> NodeState:
    lines = [line.split("\t") for line in text.splitlines()]
    single = {line[0]: line[1] for line in lines if len(line) == 2}  # noqa: PLR2004  # a key and its value
    return NodeState(
        name=single["name"],
        current=single["current"],
        permanent=single["permanent"],
        uptime=int(single["uptime"]) / 1000,
        memory=int(single["memory"]),
        processes=int(single["processes"]),
        applications={line[1]: line[2] for line in lines if line[0] == "application"},
        otp=single["otp"],
        erts=single["erts"],
        booted=single["booted"] == "started",
        incarnation=single["incarnation"],
        wanted={line[1]: line[2] for line in lines if line[0] == "wanted"},
    )
