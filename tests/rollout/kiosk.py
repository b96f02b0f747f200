"""A node that serves HTTP, on hosts: what rolls are tried on.

It answers `GET /health` by what its application's environment says under `health`: `well` (or nothing), `ill`, `mute`;
`GET /wait` when the process behind it is told to go on; `GET /slow` after 0.3 s with its version, and anything else at
once. A connection stays open for more requests, unless the client is of HTTP/1.0 or says `Connection: close`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deliver.config.schema import Environment, Health, Host, Pause, Rolling, Ssh
from deliver.node.call import evaluate
from deliver.node.control import start
from deliver.remote.connect import connect
from deliver.remote.session import Session
from deliver.store.store import Store
from tests.hosts import Fleet
from tests.node.releases import Heard
from tests.upgrade.mill import Version, forge

PORT = 4200
COOKIE = "-setcookie of_the_kiosk\n"

DOOR = """
-module(mill_door).
-export([start_link/0, init/0, accept/1, serve/1]).
start_link() -> proc_lib:start_link(?MODULE, init, []).
init() ->
    Options = [binary, {packet, http_bin}, {active, false}, {reuseaddr, true}, {nodelay, true}, {backlog, 512}],
    {ok, Socket} = gen_tcp:listen(list_to_integer(os:getenv("PORT", "4200")), Options),
    proc_lib:init_ack({ok, self()}),
    accept(Socket).
accept(Socket) ->
    {ok, Client} = gen_tcp:accept(Socket),
    Pid = spawn(fun() -> receive go -> serve(Client) end end),
    ok = gen_tcp:controlling_process(Client, Pid),
    Pid ! go,
    ?MODULE:accept(Socket).
serve(Client) ->
    case gen_tcp:recv(Client, 0) of
        {ok, {http_request, _, {abs_path, Path}, Version}} ->
            Stays = heads(Client, Version =:= {1, 1}),
            say(Client, answer(Path), Stays);
        _ -> gen_tcp:close(Client)
    end.
heads(Client, Stays) ->
    case gen_tcp:recv(Client, 0) of
        {ok, http_eoh} -> Stays;
        {ok, {http_header, _, 'Connection', _, <<"close">>}} -> heads(Client, false);
        {ok, _} -> heads(Client, Stays);
        _ -> exit(normal)
    end.
answer(<<"/health">>) ->
    case application:get_env(mill, health, well) of
        well -> {"200 OK", "all is well"};
        ill -> {"503 Service Unavailable", "the wheel is stuck"};
        mute -> timer:sleep(infinity)
    end;
answer(<<"/wait">>) ->
    true = register(list_to_atom("waits_" ++ integer_to_list(erlang:unique_integer([positive]))), self()),
    receive go_on -> {"200 OK", "waited"} end;
answer(<<"/slow">>) ->
    timer:sleep(300),
    answer(<<"/">>);
answer(_) ->
    {ok, Version} = application:get_key(mill, vsn),
    {"200 OK", Version}.
say(Client, {Status, Text}, Stays) ->
    Length = integer_to_list(iolist_size(Text)),
    End = case Stays of true -> ""; false -> "Connection: close\\r\\n" end,
    Heads = ["HTTP/1.1 ", Status, "\\r\\n", End, "Content-Length: ", Length, "\\r\\n\\r\\n"],
    ok = gen_tcp:send(Client, [Heads, Text]),
    case Stays of true -> ?MODULE:serve(Client); false -> gen_tcp:close(Client) end.
"""


def build(directory: Path, *versions: str) -> Path:
    """Build the versions; return the directory that has a tree for each."""
    made = [Version(one, {"mill_door": DOOR}, vm_args=COOKIE) for one in versions]
    forge(directory, Store(directory / "store"), made)
    for one in versions:
        tree = directory / "trees" / one
        erts = next(tree.glob("erts-*")).name.removeprefix("erts-")
        (tree / "releases" / "start_erl.data").write_text(f"{erts} {one}\n")
    return directory / "trees"


@dataclass
class Kiosk:
    """A host whose node serves, and an open session to it.

    Args:
        fleet: all hosts.
        host: the node's.
        environment: its, with nothing but the node to be healthy, and quick deadlines.
        session: to the host.
        heard: what hosts said.
    """

    fleet: Fleet
    host: Host
    environment: Environment
    session: Session
    heard: Heard
    stack: ExitStack

    def open(self, host: Host | None = None) -> Session:
        """Open another session, to another host or to this one; it is closed in the end."""
        ssh = Ssh(config=self.fleet.ssh_config, connect_timeout=5)
        return self.stack.enter_context(connect(host or self.host, ssh, self.heard))

    def with_health(self, rolling: Rolling | None = None, **checks: Any) -> Environment:
        """Return the environment with these checks."""
        health = replace(Health(interval=0.1, timeout=1.0), **checks)
        return replace(self.environment, health=health, rolling=rolling or self.environment.rolling)

    def ask(self, code: str) -> str:
        """Evaluate Erlang on the node."""
        came = evaluate(self.session, self.host, "mill", code, language="erlang", deadline=10.0)
        assert not came.failed, came.value
        return came.value


@contextmanager
def opened(fleet: Fleet, tree: Path, name: str) -> Iterator[Kiosk]:
    """Put a release on a host and start it."""
    fleet[name].put(tree, "/srv/mill")
    heard = Heard()
    host = Host(name, path="/srv", env={"PORT": str(PORT)})
    rolling = Rolling(min_healthy=Pause(0.0), healthy_deadline=5.0)
    environment = Environment("production", (host,), start_timeout=20.0, stop_timeout=10.0, rolling=rolling)
    with ExitStack() as stack:
        ssh = Ssh(config=fleet.ssh_config, connect_timeout=5)
        session = stack.enter_context(connect(host, ssh, heard))
        start(session, host, environment, "mill")
        yield Kiosk(fleet, host, environment, session, heard, stack)
