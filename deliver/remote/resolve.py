"""Where a host is and how to log in there, as OpenSSH itself resolves it (`ssh -G`)."""

from __future__ import annotations

import getpass
import shlex
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from deliver.config.schema import Host, Ssh
from deliver.errors import ConfigError, UnreachableError

#: More hops than this are a loop in ssh_config.
MAX_HOPS = 8


@dataclass(frozen=True)
class Endpoint:
    """One machine that a connection goes to, or through.

    Args:
        name: as asked for.
        address: what to connect to.
        port: TCP port.
        user: whom to log in as.
        key_name: what known_hosts files call it.
        known_hosts: files of host keys that exist.
        identities: private key files that exist.
        identities_only: whether the agent's other keys stay out of it.
        proxy_command: a command line that carries the connection; empty for none.
        via: the machine that the connection goes through.
        mend: the ssh command that asks a person about its host key.
    """

    name: str
    address: str
    port: int
    user: str
    key_name: str
    known_hosts: tuple[Path, ...]
    identities: tuple[Path, ...]
    identities_only: bool
    proxy_command: str
    via: Endpoint | None
    mend: str


def resolve(host: Host, ssh: Ssh) -> Endpoint:
    """Return where `host` is, with every hop on the way.

    Raises:
        UnreachableError: OpenSSH's client is not installed, or it refuses ssh_config.
        ConfigError: the hops never end.
    """
    options = _options(host.address, host.port, host.user)
    return _endpoint(host.name, options, ssh, depth=0)


def _options(address: str, port: int | None, user: str) -> list[str]:
    options = ["-o", f"HostName={address}"] if address else []
    options += ["-p", str(port)] if port else []
    return options + (["-l", user] if user else [])


def _endpoint(name: str, options: list[str], ssh: Ssh, *, depth: int, via: Endpoint | None = None) -> Endpoint:
    if depth > MAX_HOPS:
        raise ConfigError(
            f"{name}: more than {MAX_HOPS} jump hosts, one behind the other",
            hint="see ProxyJump in ssh_config",
        )
    known = _ask_openssh(name, options, ssh)
    address = known["hostname"][0]
    return Endpoint(
        name=name,
        address=address,
        port=int(known["port"][0]),
        user=known["user"][0],
        key_name=_key_name(known.get("hostkeyalias", [""])[0], address, int(known["port"][0])),
        known_hosts=_existing(_known_hosts(known, ssh), known),
        identities=_existing(known.get("identityfile", []), known),
        identities_only=known.get("identitiesonly", ["no"])[0] == "yes",
        proxy_command=_proxy_command(known),
        via=via or _hops(known, ssh, depth),
        mend=_mend(name, options, ssh),
    )


def _mend(name: str, options: list[str], ssh: Ssh) -> str:
    asking = ["-o", "StrictHostKeyChecking=ask"]
    return shlex.join(["ssh", *_config(ssh), *_mend_known_hosts(ssh), *asking, *options, name, "true"])


def _ask_openssh(name: str, options: list[str], ssh: Ssh) -> dict[str, list[str]]:
    argv = ["ssh", "-G", *_config(ssh), *options, "--", name]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, timeout=30)
    except FileNotFoundError:
        raise UnreachableError("OpenSSH's client is not installed", hint="apt install openssh-client") from None
    except subprocess.CalledProcessError as error:
        raise UnreachableError(f"{name}: ssh refuses its configuration: {error.stderr.strip()}") from error
    found: dict[str, list[str]] = defaultdict(list)
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        found[key].append(value)
    return found


def _config(ssh: Ssh) -> list[str]:
    return ["-F", str(ssh.config)] if ssh.config else []


def _mend_known_hosts(ssh: Ssh) -> list[str]:
    return ["-o", f'UserKnownHostsFile="{ssh.known_hosts[0]}"'] if ssh.known_hosts else []


def _known_hosts(known: dict[str, list[str]], ssh: Ssh) -> list[str]:
    if ssh.known_hosts:
        return [str(path) for path in ssh.known_hosts]
    lines = known.get("userknownhostsfile", []) + known.get("globalknownhostsfile", [])
    return [path for line in lines for path in shlex.split(line)]


def _existing(paths: list[str], known: dict[str, list[str]]) -> tuple[Path, ...]:
    expanded = (Path(_tokens(path, known)).expanduser() for path in paths if path != "none")
    return tuple(path for path in dict.fromkeys(expanded) if path.is_file())


def _tokens(text: str, known: dict[str, list[str]]) -> str:
    """Replace the tokens of ssh_config(5) that make sense in a file name."""
    tokens = {
        "%d": str(Path.home()),
        "%h": known["hostname"][0],
        "%p": known["port"][0],
        "%r": known["user"][0],
        "%u": getpass.getuser(),
    }
    for token, value in tokens.items():
        text = text.replace(token, value)
    return text.replace("%%", "%")


def _key_name(alias: str, address: str, port: int) -> str:
    if alias and alias != "none":
        return alias
    return address if port == 22 else f"[{address}]:{port}"  # noqa: PLR2004  # SSH's own port


def _proxy_command(known: dict[str, list[str]]) -> str:
    command = known.get("proxycommand", ["none"])[0]
    return "" if command == "none" else _tokens(command, known)


def _hops(known: dict[str, list[str]], ssh: Ssh, depth: int) -> Endpoint | None:
    """The chain of `ProxyJump a,b`: OpenSSH goes to a first, from there to b, from there to the host."""
    chain = known.get("proxyjump", ["none"])[0]
    if chain == "none":
        return None
    hop: Endpoint | None = None
    for text in chain.split(","):
        name, options = _hop(text)
        hop = _endpoint(name, options, ssh, depth=depth + 1, via=hop)
    return hop


def _hop(text: str) -> tuple[str, list[str]]:
    user, at, rest = text.strip().removeprefix("ssh://").rpartition("@")
    bracket = rest.startswith("[")
    name, _, port = rest[1:].partition("]") if bracket else rest.partition(":")
    number = port.lstrip(":") if bracket else port
    return name, _options("", int(number) if number else None, user if at else "")
