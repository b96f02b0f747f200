"""What a fleet may leave on this machine when its owner is killed, and taking it away."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.hosts import network

#: Where the directories of all fleets are, by number.
BASE = Path("/var/lib/deliver-hosts")
TOOLS = ("ip", "unshare", "nsenter", "setpriv", "mount", "hostname", "ssh-keygen", "/usr/sbin/sshd")


def obstacle() -> str:
    """Return why hosts cannot be made here, or nothing when they can."""
    if os.geteuid() != 0:
        return "hosts are made of namespaces and mounts, which needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"hosts need {', '.join(missing)}" if missing else ""


@contextmanager
def registry() -> Iterator[None]:
    """Hold the lock under which fleets come and go; the last to go takes `BASE` away."""
    # A lock file would be left behind; the directory above is there anyway.
    lock = os.open(BASE.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        BASE.mkdir(exist_ok=True)
        yield
        with suppress(OSError):
            BASE.rmdir()
    finally:
        os.close(lock)


def sweep(name: str = "") -> list[str]:
    """Take away every fleet whose owner is gone, and every fleet called `name`, whoever owns it.

    Returns:
        The names of the fleets that were taken away.
    """
    with registry():
        found = [directory for directory in sorted(BASE.glob("[0-9]*")) if _goes(directory, name)]
        names = [_name(directory) for directory in found]
        for directory in found:
            remove(directory)
    return names


def remove(directory: Path) -> None:
    """Take away a fleet: its processes, its network, its disks."""
    end(list(processes(str(directory))))
    network.remove(int(directory.name))
    shutil.rmtree(directory)


def end(keepers: list[int]) -> None:
    """Kill the keepers of hosts' namespaces, and wait until no process of these hosts is left."""
    spaces = {_space(keeper, "pid_for_children") for keeper in keepers} - {""}
    for keeper in keepers:
        with suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while spaces & {_space(pid, "pid") for pid in _pids() if not _is_zombie(pid)}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of hosts do not end: {spaces}")
        time.sleep(0.005)


def processes(directory: str) -> Iterator[int]:
    """Yield the ids of the processes that keep the namespaces of hosts below `directory`."""
    for pid in _pids():
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            if words[0] == "unshare" and any(word.startswith(directory + "/") for word in words):
                yield pid


def _goes(directory: Path, name: str) -> bool:
    if name and _name(directory) == name:
        return True
    if (directory / "keep").exists():
        return not any(processes(str(directory)))
    with (directory / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _name(directory: Path) -> str:
    with suppress(FileNotFoundError):
        return (directory / "name").read_text()
    return ""


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _is_zombie(pid: int) -> bool:
    # What is left of a host's init until this machine's own init takes note.
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _space(pid: int, kind: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
    except OSError:
        return ""
