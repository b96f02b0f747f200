"""What is true of a host now: what is installed, what runs, and what the node itself says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from deliver.otp.release import Target


@dataclass(frozen=True)
class Installed:
    """A version that a host has.

    Args:
        version: the release's version.
        manifest: digest of its manifest; empty for a version that deliver did not install.
        commit: the full SHA of the commit it was built from; empty when unknown.
    """

    version: str
    manifest: str = ""
    commit: str = ""


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
        has_cookie: whether `releases/COOKIE` is there.
        lock: who works on the host, as JSON; empty when nobody does.
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
    has_cookie: bool = False
    lock: str = ""
    process: Process | None = None
    node: NodeState | None = None
    silence: str = ""

    def has(self, version: str) -> Installed | None:
        """Return the installed version called exactly `version`, or None."""
        return next((one for one in self.installed if one.version == version), None)
