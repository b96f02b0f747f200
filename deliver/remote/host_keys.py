"""Which keys a host may show, and what to say when it shows another.

OpenSSH's own `ssh-keygen -F` reads the known_hosts files.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
import subprocess
from dataclasses import dataclass

import paramiko

from deliver.errors import HostKeyError
from deliver.remote.resolve import Endpoint


@dataclass(frozen=True)
class KnownKeys:
    """The keys that known_hosts files hold for one host, as base64 by key type, and those that they revoke."""

    trusted: tuple[tuple[str, str], ...]
    revoked: frozenset[str]

    def one_of_a_kind(self) -> list[tuple[str, str]]:
        """Return the keys whose type occurs once: paramiko holds one of each, and asks `Refuse` for the rest."""
        kinds = [kind for kind, _ in self.trusted]
        return [one for one in self.trusted if kinds.count(one[0]) == 1]

    def trusts(self, key: paramiko.PKey) -> bool:
        """Whether `key` is one of those that may be shown."""
        return any(blob == key.get_base64() for _, blob in self.trusted)


def known_keys(endpoint: Endpoint) -> KnownKeys:
    """Look a host up in its known_hosts files; hashed names, patterns and markers are read as OpenSSH reads them."""
    trusted: list[tuple[str, str]] = []
    revoked: set[str] = set()
    for path in endpoint.known_hosts:
        for fields in _matching_lines(endpoint.key_name, str(path)):
            if fields[0] == "@revoked":
                revoked.add(fields[3])
            elif not fields[0].startswith("@"):
                trusted.append((fields[1], fields[2]))
    return KnownKeys(tuple(one for one in trusted if one[1] not in revoked), frozenset(revoked))


def _matching_lines(name: str, path: str) -> list[list[str]]:
    argv = ["ssh-keygen", "-F", name, "-f", path]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30)
    lines = (line.split() for line in done.stdout.splitlines() if not line.startswith("#"))
    return [fields for fields in lines if len(fields) >= (4 if fields[0].startswith("@") else 3)]


class Refuse(paramiko.MissingHostKeyPolicy):
    """Refuses a host whose key is not known: unknown keys are never added by themselves."""

    def __init__(self, endpoint: Endpoint, known: KnownKeys) -> None:
        self._endpoint = endpoint
        self._known = known

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Raise what a person needs to know, unless the key is known after all."""
        del client, hostname
        if self._known.trusts(key):
            return
        if key.get_base64() in self._known.revoked:
            raise revoked(self._endpoint, key)
        if self._known.trusted:
            raise changed(self._endpoint, key)
        raise unknown(self._endpoint, key)


def unknown(endpoint: Endpoint, key: paramiko.PKey) -> HostKeyError:
    """Return the error for a host that no file knows."""
    files = " ".join(str(path) for path in endpoint.known_hosts) or "any known_hosts file"
    return HostKeyError(
        f"{endpoint.name}: the key of {endpoint.key_name} ({describe(key)}) is not in {files}",
        hint=f"compare the fingerprint with the host's own, and accept it by: {endpoint.mend}",
    )


def changed(endpoint: Endpoint, key: paramiko.PKey) -> HostKeyError:
    """Return the error for a host that shows another key than it did."""
    forget = "; ".join(
        shlex.join(["ssh-keygen", "-f", str(path), "-R", endpoint.key_name])
        for path in endpoint.known_hosts
        if _matching_lines(endpoint.key_name, str(path))
    )
    return HostKeyError(
        f"{endpoint.name}: the key of {endpoint.key_name} has changed to {describe(key)}: "
        "somebody may be in between, or the host was set up anew",
        hint=f"if you know why it changed: {forget}; {endpoint.mend}",
    )


def revoked(endpoint: Endpoint, key: paramiko.PKey) -> HostKeyError:
    """Return the error for a host that shows a key which known_hosts revokes."""
    return HostKeyError(
        f"{endpoint.name}: the key of {endpoint.key_name} ({describe(key)}) is revoked in a known_hosts file",
        hint="do not connect; ask who runs the host for its new key",
    )


def describe(key: paramiko.PKey) -> str:
    """Return a key's type and fingerprint, as OpenSSH prints them."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"
