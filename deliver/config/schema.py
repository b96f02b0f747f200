"""What deliver.toml says, as frozen dataclasses; `config.example.toml` explains each key.

A key's name in the file is the field's name here. Durations are seconds; sizes are bytes; paths of the
operator's machine are absolute by the time they are here; paths of hosts are text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NewType

from deliver.config.secrets import demand
from deliver.errors import UsageError
from deliver.secret import Secret

#: The host that is the operator's own machine, reached without SSH.
LOCAL = "local"

Value = str | Secret
#: Seconds that may be none.
Pause = NewType("Pause", float)


@dataclass(frozen=True)
class Content:
    """A file to put somewhere: exactly one of the first four says what it holds.

    Args:
        source: a file of the operator's machine, sent as it is.
        host: a file of the host itself, copied (builds) or linked to (environments).
        text: the content itself.
        secret: the content itself, from an environment variable or a file outside the repository.
        mode: permission bits of a written file.
    """

    source: Path | None = None
    host: str | None = None
    text: str | None = None
    secret: Secret | None = None
    mode: int = 0o600


@dataclass(frozen=True)
class Host:
    """A machine, and how to reach it.

    Args:
        name: as in the file and on the command line; also what `ssh_config` knows it by.
        address: what to connect to, when it is not the name.
        port: overrides what `ssh_config` says.
        user: overrides what `ssh_config` says.
        path: the directory below which releases live (environments) or builds happen (the build host).
        node: the full Erlang node name, or the part before `@`; empty for the release's own choice.
        env: environment of the node's start script.
        roles: free words to filter by.
    """

    name: str
    address: str = ""
    port: int | None = None
    user: str = ""
    path: str = ""
    node: str = ""
    env: dict[str, Value] = field(default_factory=dict, hash=False)
    roles: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether this is the operator's own machine."""
        return (self.address or self.name) == LOCAL


@dataclass(frozen=True)
class Ssh:
    """How hosts are reached.

    Args:
        config: the ssh_config file; None for OpenSSH's own choice.
        known_hosts: files of host keys; empty for what ssh_config says.
        connect_timeout: seconds for one connection, all its hops and the login.
        parallel: hosts that are worked on at once.
        forward_agent: whether the operator's agent can be used from a host.
    """

    config: Path | None = None
    known_hosts: tuple[Path, ...] = ()
    connect_timeout: float = 10.0
    parallel: int = 32
    forward_agent: bool = False


@dataclass(frozen=True)
class Hooks:
    """Command lines that run in the checkout on the build host; a failure fails the build."""

    before_deps: str = ""
    after_deps: str = ""
    before_compile: str = ""
    after_compile: str = ""
    before_release: str = ""
    after_release: str = ""


@dataclass(frozen=True)
class Build:
    """How a release is built.

    Args:
        host: where.
        toolchain: `auto` finds it from the files at the tag.
        release: which release, where a project has several; empty for its only or default one.
        mix_env: `MIX_ENV`.
        profile: rebar3's profile; `default` for none.
        command: the command line of the `command` toolchain.
        output: where that command leaves the release, relative to the checkout.
        directory: where in the repository the project is.
        login_profile: whether the build sees the environment of the user's login shell (asdf, mise, kerl).
        cache: whether dependencies are kept from build to build.
        timeout: seconds for the whole build.
        env: environment of every step.
        files: files put into the checkout before anything runs, by their path in the checkout.
        hooks: what runs between the steps.
    """

    host: Host = field(default_factory=lambda: Host(LOCAL))
    toolchain: Literal["auto", "mix", "rebar3", "command"] = "auto"
    release: str = ""
    mix_env: str = "prod"
    profile: str = "prod"
    command: str = ""
    output: str = ""
    directory: str = "."
    login_profile: bool = False
    cache: bool = True
    timeout: float = 3600.0
    env: dict[str, Value] = field(default_factory=dict, hash=False)
    files: dict[str, Content] = field(default_factory=dict, hash=False)
    hooks: Hooks = field(default_factory=Hooks)


@dataclass(frozen=True)
class Service:
    """How the node of a host is kept running.

    Args:
        kind: `daemon` (the release's own `daemon` command), `systemd`, or `command` for the three below.
        heart: under `daemon`: whether `heart` restarts a node that died.
        scope: under `systemd`: whose manager, `system` or `user`.
        unit: under `systemd`: the unit's name; empty for the release's name.
        sudo: under `systemd`: whether `systemctl` and the unit file need `sudo -n`.
        start: under `command`: the command line that starts the node.
        stop: under `command`: the one that stops it; empty for asking the node itself.
        logs: under `command`: the file that the node logs to.
    """

    kind: Literal["daemon", "systemd", "command"] = "daemon"
    heart: bool = False
    scope: Literal["system", "user"] = "system"
    unit: str = ""
    sudo: bool = False
    start: str = ""
    stop: str = ""
    logs: str = ""


@dataclass(frozen=True)
class Environment:
    """A named set of hosts.

    Args:
        name: as on the command line.
        hosts: all of them, with the environment's user, path, node and env filled in where they had none.
        service: how nodes are kept running.
        start_timeout: seconds for a node to answer with all its applications running.
        stop_timeout: seconds for a node to be gone.
        cookie: the Erlang cookie; None to keep what hosts have, or make one.
        files: files written or linked into an installed release, by their path in the release; `{version}` in a path
            is the release's version.
    """

    name: str
    hosts: tuple[Host, ...]
    service: Service = field(default_factory=Service)
    start_timeout: float = 60.0
    stop_timeout: float = 60.0
    cookie: Secret | None = None
    files: dict[str, Content] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Rehearsal:
    """How a pair is rehearsed on the build host.

    Args:
        env: environment of the rehearsed nodes: ports of their own, a database of their own.
        probe: a command line that must end with 0 whenever a rehearsed node is up; it runs in the rehearsal's
            directory with that environment, and with DELIVER_ROOT, the release's directory, DELIVER_VERSION, which the
            node should run, and DELIVER_STAGE, how it came to that: `fresh`, `upgrade`, `downgrade`, `second upgrade`,
            `soft restart` or `kill`. The release's own script (`$DELIVER_ROOT/bin/NAME rpc`) reaches the node.
    """

    env: dict[str, Value] = field(default_factory=dict, hash=False)
    probe: str = ""


@dataclass(frozen=True)
class Upgrade:
    """How running nodes are upgraded.

    Args:
        probation: seconds that an upgraded node is watched before the version becomes the one that it boots.
        timeout: seconds that `release_handler` may take on one node.
        patch: command lines that each get the path of a planned relup as last argument, and may change it.
    """

    probation: Pause = Pause(5.0)
    timeout: float = 120.0
    patch: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """All of deliver.toml.

    Args:
        file: where it was read from.
        app: the release's name; the name of its directory on hosts.
        repository: the git repository; by default the directory of the file.
        tag_prefix: what stands before the version in a tag; both with and without it are understood.
        verify_tags: whether a tag must carry a good signature.
        store: the directory of the release store.
        ssh: how hosts are reached.
        build: how releases are built.
        rehearsal: how upgrade pairs are rehearsed.
        upgrade: how running nodes are upgraded.
        environments: by name.
    """

    file: Path
    app: str
    repository: Path
    tag_prefix: str = "v"
    verify_tags: bool = False
    store: Path = Path(".deliver/store")
    ssh: Ssh = field(default_factory=Ssh)
    build: Build = field(default_factory=Build)
    rehearsal: Rehearsal = field(default_factory=Rehearsal)
    upgrade: Upgrade = field(default_factory=Upgrade)
    environments: dict[str, Environment] = field(default_factory=dict, hash=False)

    def environment(self, name: str, *, secrets: bool = True) -> Environment:
        """Return the environment called exactly `name`, with all its secrets unless they are not needed.

        Raises:
            UsageError: there is none.
            ConfigError: one of its secrets is not there.
        """
        try:
            found = self.environments[name]
        except KeyError:
            known = ", ".join(sorted(self.environments)) or "none"
            raise UsageError(f"no environment is called {name!r}", hint=f"{self.file} has: {known}") from None
        if secrets:
            demand(found)
        return found
