"""What a running node is, as `payload/deliver_node.erl` tells it: before and after an upgrade, and of fresh boots.

Terms that could hold secrets (the environment, arguments) come as hashes under a salt of the run; the same salt makes
two snapshots comparable.

The shape of a state is its kind in a word (`list`, `integer`, `float`, `binary`, `atom`, `pid`, `reference`, `port`,
`function`; `map` for one whose keys are data, `...` below four levels), or an object: `{"struct": NAME, "keys": {KEY:
SHAPE}}`, `{"map": {KEY: SHAPE}}`, `{"tuple": [SHAPE]}`, where an atom that comes first is `{"atom": NAME}`. That of a
gen_event is the tuple of its handlers, each a tuple of its module and its state; that of a gen_statem has no name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deliver.errors import NodeError

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Supervisor:
    """What a supervisor process is about.

    Args:
        module: its callback module; `Elixir.Supervisor.Default` for children given inline, as a default Elixir
            application does.
        strategy: `one_for_one`, `rest_for_one`, `one_for_all` or `simple_one_for_one`.
        intensity: restarts within `period` seconds.
        period: seconds.
    """

    module: str
    strategy: str = ""
    intensity: int = 0
    period: int = 0


@dataclass(frozen=True)
class Process:
    """One process in the supervision tree of an application, or the place of one that is not running.

    Args:
        path: the application, then the child ids from its top supervisor down, as `~0tp` prints them; numbers from 1
            on below a simple_one_for_one or dynamic supervisor; just the application for its top process.
        pid: as Erlang prints it; empty when it is not running.
        type: `worker` or `supervisor`, as its child spec says.
        restart: `permanent`, `transient`, `temporary`.
        shutdown: milliseconds, `infinity` or `brutal_kill`.
        modules: of the child spec; `("dynamic",)` for dynamic.
        start: function that starts it: `module:function/arity`; of a temporary child without its arity, which nobody
            keeps.
        arguments: salted hash of the start function's arguments, without pids, references and ports.
        name: under which it is registered; empty for none.
        callback: the module whose callbacks it runs, by what it was started with; for an agent, the module of its fun.
        behaviour: `supervisor`, `dynamic_supervisor`, `gen_server`, `gen_statem`, `gen_event`, `special` (another one
            that understands `sys` messages), `other`. Told from its start and its stack: nothing is sent for it.
        handlers: of a gen_event: its handler modules.
        supervisor: of a supervisor.
        dynamic: whether it is a child of a simple_one_for_one or dynamic supervisor, or below one: such come and go. At
            most 200 of each are told.
        state: the shape of its state, below; None when it was not asked, or did not answer within a second.
        suspended: whether `sys` holds it.
        silent: whether it was asked for its state, and did not answer in time.
        funs: modules whose functions are in its state as values, such as closures; in a supervisor's, in child specs.
        stale: those of them whose code is not what is loaded now: such a function can fail when it is called.
        structs: the sorted keys of each kind of struct that is anywhere in its state, by the struct's module.
    """

    path: tuple[str, ...]
    pid: str = ""
    type: str = "worker"
    restart: str = ""
    shutdown: str = ""
    modules: tuple[str, ...] = ()
    start: str = ""
    arguments: str = ""
    name: str = ""
    callback: str = ""
    behaviour: str = "other"
    handlers: tuple[str, ...] = ()
    supervisor: Supervisor | None = None
    dynamic: bool = False
    state: Any = None
    suspended: bool = False
    silent: bool = False
    funs: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    structs: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """A node at one moment.

    Args:
        os_pid: of its operating system process.
        release: version that runs (`current`, else `permanent`).
        permanent: version that is permanent.
        applications: version by name, of those that run.
        loaded: version by name, of all that are loaded.
        environment: salted hash of each value, by application and key.
        modules: MD5 of each loaded module that lies in the release's `lib/` or in its consolidated protocols, apart
            from Erlang's and Elixir's own base, which no hot upgrade changes.
        paths: the code path below the release's root, relative to it, without `..`.
        tree: all supervised processes, by application; parents before their children.
        others: processes outside the trees whose first call is in a module of the release that is not OTP's:
            `{pid, name, call}`; at most 200.
        old_code: processes that run code which is no longer the current one: `{pid, name, modules}`.
        names: registered names.
        tables: names of named ETS tables.
        ports: TCP and UDP ports that are listened on.
        errors: what was logged as an error or worse, and crash reports, since the watch began: one line each, at most
            200 of at most 500 characters.
        pauses: how long processes were held since the watch began: `{modules, microseconds}` for each group.
        os_env: hashes of RELEASE_* variables, by name.
    """

    os_pid: str
    release: str
    permanent: str = ""
    applications: Mapping[str, str] = field(default_factory=dict)
    loaded: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    tree: tuple[Process, ...] = ()
    others: tuple[Json, ...] = ()
    old_code: tuple[Json, ...] = ()
    names: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    errors: tuple[str, ...] = ()
    pauses: tuple[Json, ...] = ()
    os_env: Mapping[str, str] = field(default_factory=dict)


def parse(text: str | bytes) -> Snapshot:
    """Read the JSON that `deliver_node:snapshot/1` gives: objects with the fields' names.

    Raises:
        NodeError: it is not that.
    """
    try:
        document = json.loads(text)
        tree = tuple(_process(one) for one in document.pop("tree"))
        return Snapshot(**{**_tuples(document), "tree": tree})
    except (ValueError, KeyError, TypeError) as error:
        raise NodeError(f"what the node says of itself cannot be read: {error!r}") from error


def _process(document: dict[str, Any]) -> Process:
    supervisor, state = document.pop("supervisor", None), document.pop("state", None)
    return Process(**_tuples(document), state=state, supervisor=Supervisor(**supervisor) if supervisor else None)


def _tuples(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in document.items()}
