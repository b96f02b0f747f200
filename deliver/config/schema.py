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
        zone: of hosts that share one, no two are ever down at once; empty for none.
    """

    name: str
    address: str = ""
    port: int | None = None
    user: str = ""
    path: str = ""
    node: str = ""
    env: dict[str, Value] = field(default_factory=dict, hash=False)
    roles: tuple[str, ...] = ()
    zone: str = ""

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
        silence: seconds that a host may leave what it was sent unanswered, before its connection counts as lost.
        parallel: hosts that are worked on at once.
        forward_agent: whether the operator's agent can be used from a host.
    """

    config: Path | None = None
    known_hosts: tuple[Path, ...] = ()
    connect_timeout: float = 10.0
    silence: float = 45.0
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
class Share:
    """How many hosts a batch has.

    Args:
        count: so many; 0 for a share of all.
        percent: of all hosts of the roll, rounded down, at least one.
    """

    count: int = 0
    percent: float = 0.0

    def of(self, hosts: int) -> int:
        """Return how many that are of so many hosts."""
        return self.count or max(1, int(hosts * self.percent / 100))

    def __str__(self) -> str:
        return str(self.count) if self.count else f"{self.percent:g}%"


@dataclass(frozen=True)
class Rolling:
    """How a roll goes through an environment.

    Args:
        batches: sizes of the batches; the last entry repeats.
        pause: seconds between batches.
        min_healthy: seconds for which a changed host must stay healthy; they start anew when it flaps.
        healthy_deadline: seconds within which it must have done that.
        max_failures: hosts that may fail without stopping the roll; none when neither this nor the next is said.
        max_failures_percent: the same, as a share of all hosts of the roll; whichever is reached first.
        on_failure: what becomes of the hosts that were changed when the roll stops: nothing, those of the batch go
            back, or all of them do.
        confirm_after: when a person is asked before the roll goes on.
    """

    batches: tuple[Share, ...] = (Share(count=1), Share(percent=25.0))
    pause: Pause = Pause(0.0)
    min_healthy: Pause = Pause(10.0)
    healthy_deadline: float = 300.0
    max_failures: int | None = None
    max_failures_percent: int | None = None
    on_failure: Literal["stop", "rollback-batch", "rollback-all"] = "stop"
    confirm_after: Literal["never", "canary", "batch"] = "never"


@dataclass(frozen=True)
class Health:
    """When a host is healthy, besides that its node answers and every application of its release runs at its version.

    Args:
        http: a URL as the host itself sees it, reached through its SSH connection: `http://127.0.0.1:4000/health`.
        status: the status that it must answer with; None for any from 200 to 299.
        body: text that must be in its answer.
        tcp: a port, or address:port, of the host that must accept a connection.
        rpc: an expression that must be true on the node.
        command: a command line that must end with 0 on the host.
        local_command: the same on the operator's machine.
        interval: seconds between two looks.
        timeout: seconds that each of these may take.
    """

    http: str = ""
    status: int | None = None
    body: str = ""
    tcp: str = ""
    rpc: str = ""
    command: str = ""
    local_command: str = ""
    interval: float = 1.0
    timeout: float = 5.0


@dataclass(frozen=True)
class Haproxy:
    """HAProxy's runtime API.

    Args:
        socket: its path on `on`, or `host:port` as `on` sees it.
        on: where: a name that ssh knows, or `local`; empty for each host itself.
        backend: whose servers our hosts are.
        server: a host's name there; `{host}` stands for the host's name.
    """

    socket: str = ""
    on: str = ""
    backend: str = ""
    server: str = "{host}"


@dataclass(frozen=True)
class Drain:
    """How a host is taken out of service before its node stops, and brought back after.

    Args:
        command: a command line that takes it out.
        undo_command: one that brings it back.
        on: where both run: a name that ssh knows, or `local`; empty for the host itself.
        rpc: an expression on the node that takes it out.
        undo_rpc: one that brings it back.
        haproxy: the built-in way for HAProxy.
        port: of the host; drained when no connection to it is left.
        deadline: seconds to wait for connections to go; then the node stops all the same.
    """

    command: str = ""
    undo_command: str = ""
    on: str = ""
    rpc: str = ""
    undo_rpc: str = ""
    haproxy: Haproxy = field(default_factory=Haproxy)
    port: int | None = None
    deadline: float = 30.0

    @property
    def is_set(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.command or self.undo_command or self.rpc or self.undo_rpc or self.haproxy.backend or self.port)


@dataclass(frozen=True)
class Hook:
    """A command line of the operator's that runs beside a roll.

    Args:
        run: the command line.
        on: `operator` for this machine, `host` for the host that it is about (for a roll or a batch, its first one).
        failure: what its failure does: stops the roll, or is told and forgotten.
        timeout: seconds.
    """

    run: str
    on: Literal["operator", "host"] = "operator"
    failure: Literal["stop", "warn"] = "stop"
    timeout: float = 60.0


#: When a hook runs; `on_failure` when a roll did not come to its end.
Occasion = Literal[
    "before_roll", "after_roll", "on_failure", "before_batch", "after_batch", "before_host", "after_host"
]


@dataclass(frozen=True)
class Once:
    """A command that a roll to a version runs exactly once.

    Args:
        run: a command line, run in the release's directory on the host.
        at: before the first host is changed, or after the last.
        on: the host; empty for the first of the environment.
        timeout: seconds.
    """

    run: str
    at: Literal["before", "after"] = "before"
    on: str = ""
    timeout: float = 600.0


@dataclass(frozen=True)
class Push:
    """How versions come to hosts.

    Args:
        via: whether one host brings to others what they get alike: the `first` of all, the first of each `zone`, or
            `none`: all of it comes from here.
    """

    via: Literal["none", "first", "zone"] = "none"


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
        push: how versions come to them.
        rolling: how a roll goes through them.
        health: when one is healthy.
        drain: how one is taken out of service while its node is down.
        cluster: whether a node has to leave its cluster and to be back in it before others follow.
        hooks: commands of the operator's beside a roll, by occasion.
        once: commands that a roll runs once, by name.
        lock_hosts: which hosts may keep the environment's lock, by name, best first; empty for all of them.
    """

    name: str
    hosts: tuple[Host, ...]
    service: Service = field(default_factory=Service)
    start_timeout: float = 60.0
    stop_timeout: float = 60.0
    cookie: Secret | None = None
    files: dict[str, Content] = field(default_factory=dict, hash=False)
    push: Push = field(default_factory=Push)
    rolling: Rolling = field(default_factory=Rolling)
    health: Health = field(default_factory=Health)
    drain: Drain = field(default_factory=Drain)
    cluster: bool = False
    hooks: dict[Occasion, Hook] = field(default_factory=dict, hash=False)
    once: dict[str, Once] = field(default_factory=dict, hash=False)
    lock_hosts: tuple[str, ...] = ()


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
