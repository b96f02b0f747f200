"""What is on the disk of a host before it first boots."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

#: User and group id of `deploy`, who owns `/srv`.
DEPLOY = 20001
COMMENT = "made by deliver's tests"
EMPTIED = ("srv", "home", "root", "tmp", "var/tmp")

SSHD_CONFIG = """\
# The defaults of Debian, but for PAM: the users of a host are none of this machine's.
UsePAM no
UseDNS no
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""


def make(root: Path, name: str, hosts: dict[str, str], identity: str) -> None:
    """Make the disk of a host.

    Args:
        root: the directory that becomes the disk.
        name: the host's name.
        hosts: names and addresses of all hosts of the fleet.
        identity: the public key that opens every account.
    """
    root.mkdir(parents=True)
    subprocess.run(["cp", "-a", "/etc", str(root)], check=True)
    for place, mode in (
        ("srv", 0o755),
        ("home", 0o755),
        ("root", 0o700),
        ("tmp", 0o1777),
        ("var/tmp", 0o1777),
        ("var/log", 0o755),
    ):
        (root / place).mkdir(parents=True)
        (root / place).chmod(mode)
    _names(root, name, hosts)
    shutil.rmtree(root / "etc/ssh")
    (root / "etc/ssh").mkdir()
    (root / "etc/ssh/sshd_config").write_text(SSHD_CONFIG)
    (root / "etc/ssh/identity.pub").write_text(identity)
    make_host_key(root)
    furnish(root)


def furnish(root: Path) -> None:
    """Bring users and homes to how they are on a new disk: `deploy`, who owns `/srv`, and `root`."""
    for name in _users(root):
        for file in ("passwd", "group", "shadow"):
            _replace_line(root / "etc" / file, name)
    add_user(root, "deploy", "/bin/bash")
    _home(root, "root", 0)
    os.chown(root / "srv", DEPLOY, DEPLOY)


def make_host_key(root: Path) -> None:
    """Make a new host key, in place of the one that is there."""
    key = root / "etc/ssh/ssh_host_ed25519_key"
    key.unlink(missing_ok=True)
    make_key(key, "host")


def make_key(path: Path, comment: str) -> None:
    """Make a key pair at `path` and `path`.pub."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def add_user(root: Path, name: str, shell: str) -> None:
    """Add a user with a home, a group and no password, who may log in with the fleet's identity."""
    user = DEPLOY + len(_users(root))
    _replace_line(root / "etc/passwd", name, f"{name}:x:{user}:{user}:{COMMENT}:/home/{name}:{shell}")
    _replace_line(root / "etc/group", name, f"{name}:x:{user}:")
    # A star and not an exclamation mark: the password is impossible, the account is not locked.
    _replace_line(root / "etc/shadow", name, f"{name}:*:19000:0:99999:7:::")
    _home(root, f"home/{name}", user)


def set_shell(root: Path, name: str, shell: str) -> None:
    """Change the login shell of a user."""
    passwd = (root / "etc/passwd").read_text()
    line = next(line for line in passwd.splitlines() if line.startswith(f"{name}:"))
    _replace_line(root / "etc/passwd", name, f"{line.rpartition(':')[0]}:{shell}")


def _names(root: Path, name: str, hosts: dict[str, str]) -> None:
    lines = [f"{address} {one}.deliver.test {one}" for one, address in hosts.items()]
    (root / "etc/hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    (root / "etc/hostname").write_text(f"{name}\n")


def _users(root: Path) -> list[str]:
    fields = [line.split(":") for line in (root / "etc/passwd").read_text().splitlines()]
    return [field[0] for field in fields if field[4] == COMMENT]


def _home(root: Path, place: str, user: int) -> None:
    keys = root / place / ".ssh/authorized_keys"
    keys.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    shutil.copyfile(root / "etc/ssh/identity.pub", keys)
    for path in (keys, keys.parent, keys.parent.parent):
        os.chown(path, user, user)


def _replace_line(file: Path, name: str, *lines: str) -> None:
    kept = [one for one in file.read_text().splitlines() if not one.startswith(f"{name}:")]
    mode = file.stat().st_mode
    file.write_text("\n".join([*kept, *lines, ""]))
    file.chmod(mode)
