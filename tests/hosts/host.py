"""One host: what can be done in it, and to it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.hosts import disk, leftovers, network

SCRIPT = Path(__file__).with_name("host.sh")
# A killed sshd holds its port for a moment.
SSHD_ENDS = "while pidof sshd >/dev/null; do sleep 0.01; done"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host:
    """A host of a fleet.

    Args:
        name: its host name.
        fleet: the number of its fleet.
        number: its own number, the last part of its address.
        directory: where its disk and its files are kept.
    """

    def __init__(self, name: str, fleet: int, number: int, directory: Path) -> None:
        self.name = name
        self.address = network.address(fleet, number)
        self.directory = directory
        self._fleet = fleet
        self._number = number
        self._boot: subprocess.Popen[str] | None = None
        self._keeper = next(leftovers.processes(str(directory)), 0)

    def __repr__(self) -> str:
        return f"Host({self.name!r}, {self.address!r})"

    # -- inside --

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        stdin: str = "",
        timeout: float = 60,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host, in the user's home and with a login's environment, without SSH.

        Args:
            argv: the command.
            user: who runs it.
            stdin: what it reads.
            timeout: seconds until it is killed.
            check: whether an exit status other than 0 raises `AssertionError` with its output.
        """
        home = "/root" if user == "root" else f"/home/{user}"
        environment = [f"HOME={home}", f"USER={user}", f"LOGNAME={user}", f"PATH={PATH}", "LANG=C.UTF-8"]
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        command = [*self._enter(), "env", "-i", *environment, *drop, "sh", "-c", 'cd && exec "$@"', "sh", *argv]
        done = subprocess.run(
            command,
            input=stdin,
            text=True,
            errors="surrogateescape",
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def shell(self, script: str, *, user: str = "root", timeout: float = 60) -> str:
        """Run sh text in the host and return what it wrote, without the last newline."""
        return self.run(["sh", "-euc", script], user=user, timeout=timeout).stdout.rstrip("\n")

    def path(self, inside: str) -> Path:
        """Return where a path of the host's own disk (`/srv/...`, `/home/...`, `/tmp/...`) is, seen from outside."""
        return self.directory / "disk" / inside.lstrip("/")

    def put(self, source: Path, inside: str) -> None:
        """Copy a directory or file to a path of the host's own disk; it belongs to `deploy`."""
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy(source, target)
        self.run(["chown", "-hR", "deploy:deploy", inside])

    def processes(self) -> list[str]:
        """Return the command lines of all that runs in the host, but for its init and the asking itself."""
        listing = self.shell("for one in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$one && echo || :; done 2>/dev/null")
        ours = ("host.sh init", "sleep 86400", "for one in /proc")
        return [line.strip() for line in listing.splitlines() if line and not any(word in line for word in ours)]

    # -- its power --

    @property
    def is_up(self) -> bool:
        """Whether the host runs."""
        return bool(self._keeper)

    def power_on(self) -> None:
        """Begin to boot: namespaces are being made, and there is no network yet."""
        command = ["sh", str(SCRIPT), "boot", str(self.directory), self.name]
        # The host may outlive us, and must not keep our stderr open.
        with self._boot_log.open("w") as log:
            self._boot = subprocess.Popen(
                command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )

    def made(self) -> tuple[int, int]:
        """Wait for the namespaces; return the host's number and the process that holds them."""
        boot = self._expect("made")
        self._keeper = boot.pid
        return self._number, self._keeper

    def plugged(self) -> None:
        """Tell the host that its network card is there."""
        boot = self._boot
        assert boot is not None
        assert boot.stdin is not None
        boot.stdin.write(f"{self.address}/24\n")
        boot.stdin.close()

    def booted(self) -> None:
        """Wait until the sshd takes connections."""
        self._expect("up")

    def down(self) -> None:
        """Cut the power: everything in the host is killed at once, and its address is gone. The disk stays."""
        if self._keeper:
            leftovers.end([self._keeper])
        network.disconnect(self._fleet, self._number)
        self._keeper = 0
        self._reap()

    def up(self) -> None:
        """Boot a host that is down."""
        if self._keeper:
            return
        self.power_on()
        network.connect(self._fleet, [self.made()])
        self.plugged()
        self.booted()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """For a while, lose every packet from and to the host; everything in it goes on."""
        network.cut(self._fleet, self._number, whole=False)
        try:
            yield
        finally:
            network.cut(self._fleet, self._number, whole=True)

    # -- its sshd --

    def stop_sshd(self) -> None:
        """Kill the sshd and every connection that is open."""
        # The one that takes connections first: whoever is cut off must not come back through it.
        kill = "kill -KILL $(cat /run/sshd.pid) 2>/dev/null || :; kill -KILL $(pidof sshd) 2>/dev/null || :"
        self.shell(f"{kill}; {SSHD_ENDS}")

    def start_sshd(self) -> None:
        """Start the sshd; it takes connections on return."""
        self.run(["sh", "-s", "sshd"], stdin=SCRIPT.read_text())

    def replace_host_key(self) -> None:
        """Give the host another key than the one that the fleet's known_hosts names."""
        disk.make_host_key(self.path("/"))
        self.stop_sshd()
        self.start_sshd()

    @property
    def host_key(self) -> str:
        """The public half of the host's key: type and key."""
        return " ".join(self.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])

    # -- its users --

    def add_user(self, name: str, shell: str = "/bin/sh") -> None:
        """Add a user who may log in with the fleet's identity."""
        disk.add_user(self.path("/"), name, shell)

    def set_shell(self, user: str, shell: str) -> None:
        """Change a user's login shell."""
        disk.set_shell(self.path("/"), user, shell)

    # -- its disk --

    @contextmanager
    def small_disk(self, size: str, at: str = "/srv", *, inodes: int = 0) -> Iterator[None]:
        """For a while, put an empty disk of `size` (`40m`) in place of a directory; `path` does not show it."""
        more = f",nr_inodes={inodes}" if inodes else ""
        self.run(
            [
                "mount",
                "-t",
                "tmpfs",
                "-o",
                f"size={size},mode=755,uid={disk.DEPLOY},gid={disk.DEPLOY}{more}",
                "tmpfs",
                at,
            ]
        )
        try:
            yield
        finally:
            self.run(["umount", "--lazy", at])

    def fill(self, at: str = "/srv", *, leave: int = 0) -> None:
        """Fill the disk at `at` up to the last `leave` bytes; only for a `small_disk`."""
        free = int(self.shell(f"stat -f -c '%a %S' '{at}' | {{ read -r blocks size; echo $((blocks * size)); }}"))
        self.run(["fallocate", "-l", str(max(free - leave, 1)), f"{at}/ballast"])

    def wipe(self) -> None:
        """Kill everything in the host but its init, empty its disk, and start its sshd again."""
        self.run(["sh", "-c", f"kill -KILL -1; {SSHD_ENDS}"], check=False)
        for place in disk.EMPTIED:
            for entry in self.path(place).iterdir():
                _remove(entry)
        disk.furnish(self.path("/"))
        self.start_sshd()

    # -- internals --

    def _enter(self) -> list[str]:
        if not self._keeper:
            raise RuntimeError(f"{self.name} is down")
        spaces = [
            "--root",
            "--wd",
            "--net",
            "--mount",
            "--uts",
            "--ipc",
            f"--pid=/proc/{self._keeper}/ns/pid_for_children",
        ]
        return ["nsenter", f"--target={self._keeper}", *spaces, "--"]

    @property
    def _boot_log(self) -> Path:
        return self.directory / "boot.log"

    def _expect(self, word: str) -> subprocess.Popen[str]:
        boot = self._boot
        assert boot is not None
        assert boot.stdout is not None
        if boot.stdout.readline() != f"{word}\n":
            raise RuntimeError(f"{self.name} does not boot:\n{self._boot_log.read_text()}")
        return boot

    def _reap(self) -> None:
        if self._boot is not None:
            self._boot.wait()
            for stream in (self._boot.stdin, self._boot.stdout):
                if stream is not None:
                    stream.close()
        self._boot = None


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
