"""`deliver_node` in live nodes: what it tells is so, what it does is done, and nobody else notices."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.errors import NodeError
from deliver.node.agent import Agent
from deliver.node.answer import decode
from deliver.otp.upgrade.snapshot import Process, Snapshot, Supervisor
from tests.node.releases import COOKIE, Installed, ask, eventually, installed
from tests.node.trial import build_trial, compile_agent, known_to_deliver, write_relup

pytestmark = pytest.mark.slow

SALT = "a salt"
BOX = "'Elixir.Trial.Box'"


@pytest.fixture(scope="session")
def beams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_agent(tmp_path_factory.mktemp("agent's beams √"))


@pytest.fixture(scope="session")
def trial_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_trial(tmp_path_factory.mktemp("trial"))


@contextmanager
def running(release: Path, path: Path, node: str) -> Iterator[Installed]:
    with installed(release, path, node) as found:
        (found.root / "releases" / "COOKIE").write_text(COOKIE)
        found.start()
        # Only then: with that, `start` would see to it that release_handler knows everything from the beginning.
        known_to_deliver(found)
        yield found


@pytest.fixture(scope="module")
def asked(trial_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """One node for all that only asks."""
    with running(
        trial_release, tmp_path_factory.mktemp("asked") / "srv of trial", f"deliver_test_trial_{os.getpid()}"
    ) as found:
        yield found


@pytest.fixture
def trial(trial_release: Path, tmp_path: Path, node: str) -> Iterator[Installed]:
    with running(trial_release, tmp_path / "srv of trial", node) as found:
        yield found


@pytest.fixture
def agent(trial: Installed, beams: Path) -> Agent:
    return agent_of(trial, beams)


@pytest.fixture
def asking(asked: Installed, beams: Path) -> Iterator[Agent]:
    found = agent_of(asked, beams)
    yield found
    found.leave()


def agent_of(release: Installed, beams: Path) -> Agent:
    return Agent(release.session, release.host, release.app, str(beams))


def term(release: Installed, expressions: str) -> str:
    """Return what Erlang expressions come to, as `~tw` prints it."""
    shown = f'[base64:encode_to_string(unicode:characters_to_binary(io_lib:format("~tw", [begin {expressions} end])))].'
    told = dict(release.session.run(ask(release, shown)).facts())
    return decode(told["answer"][0]).decode()


def tree(snapshot: Snapshot, app: str = "trial") -> dict[str, Process]:
    return {"/".join(one.path[1:]): one for one in snapshot.tree if one.path[0] == app}


def ready(agent: Agent, release: Installed, **instructions: str) -> None:
    """Do all that comes before an installation."""
    write_relup(release, **instructions)
    agent.adopt(str(release.root))
    agent.introduce(str(release.root), "trial", "0.2.0")


def described(release: Installed) -> str:
    """Return all that application_controller knows: specifications and environments."""
    return term(
        release,
        "lists:sort([{App, application:get_all_key(App), lists:sort(application:get_all_env(App))}"
        " || {App, _, _} <- application:loaded_applications()])",
    )


# What it tells ---------------------------------------------------------------------------------------------------


def test_the_top_supervisor_of_a_default_application_has_its_children_inline(asking: Agent) -> None:
    top = tree(asking.snapshot(SALT))[""]

    assert top.supervisor == Supervisor("Elixir.Supervisor.Default", "rest_for_one", 3, 5)
    assert (top.name, top.behaviour, top.type) == ("Elixir.Trial.Supervisor", "supervisor", "supervisor")


def test_children_come_in_the_order_in_which_they_were_started(asking: Agent) -> None:
    static = [path for path, one in tree(asking.snapshot(SALT)).items() if path and not one.dynamic]

    assert static == [
        "'Elixir.Trial.Box'",
        "'Elixir.Trial.Ghost'",
        "'Elixir.Trial.Asleep'",
        "'Elixir.Trial.Door'",
        "'Elixir.Trial.Many'",
        "'Elixir.Trial.Special'",
        "busy",
        '{events,<<"a">>}',
    ]


def test_a_server_has_the_shape_of_its_state_and_none_of_its_data(asking: Agent) -> None:
    found = tree(asking.snapshot(SALT))[BOX]

    assert found.state == {"struct": "Elixir.Trial.Box", "keys": {"value": "integer"}}
    assert (found.behaviour, found.callback, found.name) == ("gen_server", "Elixir.Trial.Box", "Elixir.Trial.Box")
    assert (found.start, found.restart, found.shutdown) == ("Elixir.Trial.Box:start_link/1", "permanent", "5000")
    assert (found.modules, found.type, found.dynamic) == (("Elixir.Trial.Box",), "worker", False)


def test_a_server_that_hibernates_is_known_as_one(asking: Agent) -> None:
    found = tree(asking.snapshot(SALT))["'Elixir.Trial.Asleep'"]

    assert found.behaviour == "gen_server"
    assert found.state == {"tuple": [{"atom": "state"}, "binary", "list", "float", "pid"]}


def test_the_name_of_a_state_is_data(asking: Agent) -> None:
    found = tree(asking.snapshot(SALT))["'Elixir.Trial.Door'"]

    assert found.behaviour == "gen_statem"
    assert found.state == {"tuple": ["atom", {"map": {"knocks": "integer"}}]}
    assert (found.restart, found.shutdown) == ("transient", "700")


def test_an_event_manager_has_handlers(asking: Agent) -> None:
    found = tree(asking.snapshot(SALT))['{events,<<"a">>}']

    assert (found.behaviour, found.handlers, found.modules) == ("gen_event", ("Elixir.Trial.Ear",), ("dynamic",))
    assert found.state == {"tuple": [{"tuple": [{"atom": "Elixir.Trial.Ear"}, {"map": {"heard": "list"}}]}]}


def test_a_process_that_speaks_the_language_of_sys_is_special(asking: Agent) -> None:
    found = tree(asking.snapshot(SALT))["'Elixir.Trial.Special'"]

    assert (found.behaviour, found.callback) == ("special", "Elixir.Trial.Special")
    assert found.state == {"map": {"seen": "integer"}}


def test_children_that_come_and_go_are_numbered(asking: Agent) -> None:
    found = tree(asking.snapshot(SALT))
    many = found["'Elixir.Trial.Many'"]

    assert many.behaviour == "dynamic_supervisor"
    assert many.supervisor == Supervisor("Elixir.Supervisor.Default", "one_for_one", 7, 5)
    children = [found[f"'Elixir.Trial.Many'/{number}"] for number in (1, 2, 3)]
    assert all(one.dynamic and one.behaviour == "gen_server" for one in children)
    assert children[0].state == {"map": {"a": "integer"}}


def test_whatever_is_below_one_that_comes_and_goes_does_so_too(trial: Installed, agent: Agent) -> None:
    child = "#{id => inner, start => {'Elixir.Agent', start_link, [fun() -> 1 end]}}"
    start = f"{{'Elixir.Supervisor', start_link, [[{child}], [{{strategy, one_for_one}}]]}}"
    spec = f"#{{id => outer, type => supervisor, start => {start}}}"
    term(trial, f"'Elixir.DynamicSupervisor':start_child('Elixir.Trial.Many', {spec})")

    inner = [one for one in agent.snapshot(SALT).tree if one.path[-1] == "inner"]

    assert [(one.path[-2].isdigit(), one.dynamic) for one in inner] == [(True, True)]


def test_only_so_many_of_them_are_told_and_fewer_asked(trial: Installed, agent: Agent) -> None:
    more = "'Elixir.DynamicSupervisor':start_child('Elixir.Trial.Many', {'Elixir.Agent', fun() -> 1 end})"
    term(trial, f"[{more} || _ <- lists:seq(1, 300)]")

    children = [one for path, one in tree(agent.snapshot(SALT)).items() if path.startswith("'Elixir.Trial.Many'/")]

    assert len(children) == 200
    assert len([one for one in children if one.state is not None]) == 20


def test_a_process_that_understands_no_system_messages_gets_none(asked: Installed, asking: Agent) -> None:
    children = "supervisor:which_children('Elixir.Trial.Supervisor')"
    busy = f"element(2, lists:keyfind(busy, 1, {children}))"

    found = tree(asking.snapshot(SALT))["busy"]
    asking.examine(["Elixir.Trial.Busy"])

    assert (found.behaviour, found.state) == ("other", None)
    assert term(asked, f"process_info({busy}, messages)") == "{messages,[]}"


def test_a_process_that_does_not_answer_is_not_waited_for(trial: Installed, agent: Agent) -> None:
    term(trial, f"spawn(fun() -> gen_server:call({BOX}, wait, infinity) end)")
    eventually(lambda: "sleep" in term(trial, f"process_info(whereis({BOX}), current_stacktrace)"))

    found = tree(agent.snapshot(SALT))

    assert (found[BOX].behaviour, found[BOX].state) == ("gen_server", None)
    assert found["'Elixir.Trial.Asleep'"].state is not None


def test_a_supervisor_that_is_busy_for_a_moment_is_told_whole(trial: Installed, agent: Agent) -> None:
    fresh = tree(agent.snapshot(SALT))
    slow = "#{id => slow, start => {timer, sleep, [2500]}}"
    term(trial, f"spawn(fun() -> supervisor:start_child('Elixir.Trial.Supervisor', {slow}) end)")

    now = tree(agent.snapshot(SALT))

    assert {path: (one.supervisor, one.restart) for path, one in now.items()} == {
        path: (one.supervisor, one.restart) for path, one in fresh.items()
    }


def test_nothing_is_told_of_a_tree_with_a_supervisor_that_hangs(trial: Installed, agent: Agent) -> None:
    slow = "#{id => slow, start => {timer, sleep, [60000]}}"
    term(trial, f"spawn(fun() -> supervisor:start_child('Elixir.Trial.Supervisor', {slow}) end)")

    with pytest.raises(NodeError, match="the supervisor trial does not answer"):
        agent.snapshot(SALT)


def test_a_state_that_fills_the_memory_is_not_copied(trial: Installed, agent: Agent) -> None:
    term(trial, f"gen_server:cast({BOX}, {{put, lists:seq(1, 5000000)}})")
    term(trial, f"sys:get_status({BOX}) =:= none")

    assert tree(agent.snapshot(SALT))[BOX].state is None


def test_functions_and_structs_are_found_wherever_they_are_in_a_state(trial: Installed, agent: Agent) -> None:
    term(trial, f"gen_server:cast({BOX}, {{put, [#{{a => {{fun(X) -> X end}}}}]}})")

    found = tree(agent.snapshot(SALT))[BOX]

    assert (found.funs, found.stale) == (("erl_eval",), ())
    assert found.structs == {"Elixir.Trial.Box": [["value"]]}


def test_one_that_is_suspended_is_said_to_be(trial: Installed, agent: Agent) -> None:
    term(trial, f"sys:suspend({BOX})")

    assert [one.path[-1] for one in agent.snapshot(SALT).tree if one.suspended] == [BOX]
    assert agent.preflight([]) == [f"trial / {BOX} is suspended: it would not answer"]


def test_a_supervisor_that_is_suspended_hides_its_children_and_is_named(trial: Installed, agent: Agent) -> None:
    term(trial, "sys:suspend('Elixir.Trial.Supervisor')")

    assert list(tree(agent.snapshot(SALT))) == [""]
    assert agent.preflight([]) == ["trial is suspended: it would not answer"]


def test_what_runs_and_what_is_loaded_have_versions(asking: Agent) -> None:
    found = asking.snapshot(SALT)

    assert (found.release, found.permanent) == ("0.1.0", "0.1.0")
    assert found.applications["trial"] == found.loaded["trial"] == "0.1.0"


def test_modules_of_the_release_are_told_with_their_paths_and_none_of_ours(asking: Agent) -> None:
    found = asking.snapshot(SALT)

    assert set(found.modules) >= {"Elixir.Trial.Box", "Elixir.Inspect"}
    assert not [name for name in found.modules if name.startswith("deliver_")]
    assert {"lib/trial-0.1.0/ebin", "releases/0.1.0/consolidated"} <= set(found.paths)


def test_modules_have_the_hash_that_their_files_have(asked: Installed, asking: Agent) -> None:
    told = term(asked, f"element(2, element(2, beam_lib:md5(code:which({BOX}))))")
    numbers = told.removeprefix("<<").removesuffix(">>").split(",")

    assert asking.snapshot(SALT).modules["Elixir.Trial.Box"] == bytes(map(int, numbers)).hex()


def test_values_that_may_be_secret_come_as_hashes_that_the_salt_makes(asking: Agent) -> None:
    one, same, other = asking.snapshot(SALT), asking.snapshot(SALT), asking.snapshot("another")

    assert one.environment["trial"].keys() == {"greeting", "default"}
    assert one.environment == same.environment
    assert one.environment["trial"]["greeting"] != other.environment["trial"]["greeting"]
    assert tree(one)[BOX].arguments == tree(same)[BOX].arguments != tree(other)[BOX].arguments
    assert one.os_env["RELEASE_VSN"] == same.os_env["RELEASE_VSN"] != other.os_env["RELEASE_VSN"]


def test_two_boots_of_a_version_have_the_same_hashes(asking: Agent, agent: Agent) -> None:
    here, there = asking.snapshot(SALT), agent.snapshot(SALT)

    assert here.environment["trial"] == there.environment["trial"]
    assert here.environment["logger"] == there.environment["logger"]
    assert [one.arguments for one in tree(here).values()] == [one.arguments for one in tree(there).values()]
    assert here.modules == there.modules


def test_names_tables_and_ports_are_told(trial: Installed, agent: Agent) -> None:
    opened = "spawn(fun() -> {ok, S} = gen_tcp:listen(0, []), register(trial_port, S), receive never -> ok end end)"
    term(trial, opened)
    eventually(lambda: term(trial, "whereis(trial_port)") != "undefined")
    port = int(term(trial, "element(2, inet:port(whereis(trial_port)))"))

    found = agent.snapshot(SALT)

    assert port in found.ports
    assert "trial_table" in found.tables
    assert {"Elixir.Trial.Loner", "trial_events"} <= set(found.names)


def test_a_process_that_nobody_supervises_is_told(asking: Agent) -> None:
    found = [one for one in asking.snapshot(SALT).others if one["name"] == "Elixir.Trial.Loner"]

    assert [one["call"] for one in found] == ["Elixir.Trial.Loner:init/1"]
    assert asking.examine(["Elixir.Trial.Loner"]).unreached == [
        {"pid": found[0]["pid"], "name": "Elixir.Trial.Loner", "callback": "Elixir.Trial.Loner"}
    ]


def test_processes_that_release_handler_finds_are_not_told_as_unreached(asking: Agent) -> None:
    callbacks = ["Box", "Ghost", "Asleep", "Door", "Busy"]

    assert asking.examine([f"Elixir.Trial.{name}" for name in callbacks]).unreached == []
    # The fun of an agent has begun there; its state is not that module's.
    assert asking.examine(["Elixir.Trial.Application"]).unreached == []


def test_who_runs_old_code_is_told(trial: Installed, agent: Agent) -> None:
    term(trial, "register(trial_old, spawn(fun() -> 'Elixir.Trial.Busy':init(nil) end))")
    term(trial, "code:load_file('Elixir.Trial.Busy')")

    found = {one["name"]: one["modules"] for one in agent.snapshot(SALT).old_code}

    assert found["trial_old"] == ["Elixir.Trial.Busy"]
    assert any("still runs old code of ['Elixir.Trial.Busy']" in one for one in agent.preflight(["Elixir.Trial.Busy"]))
    assert agent.preflight(["Elixir.Trial.Box"]) == []


def test_a_fresh_node_has_no_problems(asking: Agent) -> None:
    found = asking.examine(["Elixir.Trial.Box"], "0.1.0")

    assert found.problems == []
    assert (found.current, found.permanent, found.releases, found.known) == (
        "0.1.0",
        "0.1.0",
        {"0.1.0": "permanent"},
        False,
    )


def test_a_node_without_a_release_handler_tells_what_it_can(trial: Installed, agent: Agent) -> None:
    term(trial, "application:stop(sasl)")

    assert agent.snapshot(SALT).release == "0.1.0"
    assert agent.preflight([]) == ["sasl does not run there, and so no release_handler"]
    with pytest.raises(NodeError, match="sasl does not run there"):
        agent.adopt(str(trial.root))


def test_a_release_handler_that_works_elsewhere_is_a_problem(trial: Installed, agent: Agent, tmp_path: Path) -> None:
    term(trial, f'application:set_env(sasl, releases_dir, "{tmp_path}")')

    assert agent.preflight([]) == [f"its release_handler works in {tmp_path}, where this release is not"]


def test_another_version_than_the_one_that_should_run_is_a_problem(asking: Agent) -> None:
    assert asking.examine([], "0.0.9").problems == ["it runs 0.1.0, not 0.0.9"]


def test_a_worker_whose_modules_nobody_can_tell_is_a_problem(trial: Installed, agent: Agent) -> None:
    spec = "#{id => blind, start => {'Elixir.Agent', start_link, [fun() -> 1 end]}, modules => dynamic}"
    term(trial, f"supervisor:start_child('Elixir.Trial.Supervisor', {spec})")

    assert agent.preflight([], {"m": 5000}) == [
        "trial / blind has `dynamic` modules in its child spec, and is no gen_event: release_handler waits in vain"
    ]


# Errors that are logged ------------------------------------------------------------------------------------------


def test_errors_are_kept_from_the_watch_on(trial: Installed, agent: Agent) -> None:
    term(trial, 'logger:error("before")')
    agent.watch(SALT)
    term(trial, r'begin logger:error("an error\n\x{221a} of two lines"), logger:warning("a warning") end')
    term(trial, f"exit(whereis({BOX}), boo)")
    term(trial, f"spawn(fun() -> gen_server:call('Elixir.Trial.Asleep', a, infinity), exit(whereis({BOX}), boo) end)")

    eventually(lambda: len(agent.snapshot(SALT).errors) > 1)
    errors = agent.snapshot(SALT).errors

    assert errors[0] == "error: an error, √ of two lines"
    assert any("Elixir.Trial.Box" in one and "boo" in one for one in errors)
    assert not [one for one in errors if "before" in one or "warning" in one or "\n" in one]


def test_a_watch_needs_no_handler_of_the_applications(trial: Installed, agent: Agent) -> None:
    term(trial, "[logger:remove_handler(Id) || Id <- logger:get_handler_ids()]")
    agent.watch(SALT)

    term(trial, 'logger:error("alone")')

    assert agent.snapshot(SALT).errors == ("error: alone",)


def test_pauses_are_told_by_group_as_the_relup_has_marked_them(trial: Installed, agent: Agent) -> None:
    agent.watch(SALT)
    marks = ["held, [b, a], 1000", "held, [a, c], 2000", "go_on, [a, b], 4000", "go_on, [c, d], 4500", "go_on, [d], 9"]
    term(trial, ", ".join(f"deliver_node_watch ! {{mark, {one}}}" for one in marks))

    assert agent.snapshot(SALT).pauses == (
        {"modules": ["a", "b"], "microseconds": 3000},
        {"modules": ["c"], "microseconds": 2500},
    )
    agent.watch(SALT)
    assert agent.snapshot(SALT).pauses == ()


def test_a_flood_of_errors_fills_no_memory(trial: Installed, agent: Agent) -> None:
    agent.watch(SALT)
    term(trial, "begin T = lists:duplicate(5000, $x), [logger:error(T) || _ <- lists:seq(1, 300)], ok end")

    errors = agent.snapshot(SALT).errors

    assert len(errors) == 200
    assert "deliver" not in term(trial, "logger:get_handler_ids()")
    assert max(map(len, errors)) <= 500


def test_a_watch_that_begins_anew_forgets(trial: Installed, agent: Agent) -> None:
    agent.watch(SALT)
    term(trial, 'logger:error("old")')
    agent.watch(SALT)

    assert agent.snapshot(SALT).errors == ()


def test_nothing_is_left_in_the_node(trial: Installed, agent: Agent, beams: Path) -> None:
    processes = "length(processes())"
    before = int(term(trial, processes))
    agent.watch(SALT)
    agent.snapshot(SALT)
    term(trial, f'code:load_abs("{beams}/deliver_relup")'.replace("√", r"\x{221a}"))

    agent.leave()

    assert term(trial, '[M || {M, _} <- code:all_loaded(), lists:prefix("deliver", atom_to_list(M))]') == "[]"
    assert "deliver" not in term(trial, "logger:get_handler_ids()")
    assert term(trial, "whereis(deliver_node_watch)") == "undefined"
    assert term(trial, "[M || M <- [deliver_node, deliver_json, deliver_relup], erlang:check_old_code(M)]") == "[]"
    assert abs(int(term(trial, processes)) - before) < 3


def test_another_agent_takes_the_place_of_one_that_was_left_behind(
    trial: Installed, agent: Agent, tmp_path: Path
) -> None:
    shutil.copytree(agent.beams, tmp_path / "newer")
    source = tmp_path / "deliver_node.erl"
    source.write_text("-module(deliver_node).\n-export([call/2]).\ncall(_, _) -> old.\n")
    term(trial, f'begin {{ok, M, B}} = compile:file("{source}", [binary]), code:load_binary(M, "x", B), ok end')

    replace(agent, beams=str(tmp_path / "newer")).watch(SALT)

    assert agent.snapshot(SALT).release == "0.1.0"


# What it does ----------------------------------------------------------------------------------------------------


def test_release_handler_comes_to_know_what_is_installed(trial: Installed, agent: Agent) -> None:
    handler = term(trial, "whereis(release_handler)")

    assert agent.adopt(str(trial.root))

    assert agent.examine([], "0.1.0", "0.2.0").known
    assert term(trial, "whereis(release_handler)") != handler
    assert agent.examine([]).releases == {"0.1.0": "permanent", "0.2.0": "old"}


def test_it_is_left_alone_when_it_knows_already(trial: Installed, agent: Agent) -> None:
    agent.adopt(str(trial.root))
    handler, file = term(trial, "whereis(release_handler)"), trial.root / "releases" / "RELEASES"
    written = file.stat().st_mtime_ns

    assert not agent.adopt(str(trial.root))

    assert term(trial, "whereis(release_handler)") == handler
    assert file.stat().st_mtime_ns == written


def test_what_runs_must_have_been_installed_by_deliver(trial: Installed, agent: Agent) -> None:
    shutil.rmtree(trial.root / ".deliver" / "versions" / "0.1.0")

    with pytest.raises(NodeError, match=r"0\.1\.0, which runs, was not installed by deliver"):
        agent.adopt(str(trial.root))

    assert not (trial.root / "releases" / "RELEASES").exists()


def test_a_version_that_was_put_in_place_becomes_known(trial: Installed, agent: Agent) -> None:
    shutil.rmtree(trial.root / ".deliver" / "versions" / "0.2.0")
    agent.adopt(str(trial.root))

    agent.introduce(str(trial.root), "trial", "0.2.0")
    agent.introduce(str(trial.root), "trial", "0.2.0")

    assert agent.examine([]).releases == {"0.1.0": "permanent", "0.2.0": "unpacked"}


def test_a_version_that_is_not_whole_is_not_taken(trial: Installed, agent: Agent) -> None:
    shutil.rmtree(trial.root / ".deliver" / "versions" / "0.2.0")
    shutil.rmtree(trial.root / "lib" / "trial-0.2.0")
    agent.adopt(str(trial.root))

    with pytest.raises(NodeError, match=r"release_handler does not take 0\.2\.0"):
        agent.introduce(str(trial.root), "trial", "0.2.0")


def test_a_node_goes_up_and_down_and_up_with_its_state(trial: Installed, agent: Agent) -> None:
    before = agent.snapshot(SALT)
    term(trial, f'gen_server:cast({BOX}, {{put, <<"kept">>}})')
    ready(agent, trial)

    assert agent.install("0.2.0", 20.0) < 5000
    up = agent.snapshot(SALT)
    agent.introduce(str(trial.root), "trial", "0.1.0")
    agent.install("0.1.0", 20.0)
    down = agent.snapshot(SALT)
    agent.introduce(str(trial.root), "trial", "0.2.0")
    agent.install("0.2.0", 20.0)

    assert (up.release, up.permanent, up.os_pid) == ("0.2.0", "0.1.0", before.os_pid)
    assert up.applications["trial"] == "0.2.0"
    assert tree(up)[BOX].state["keys"] == {"value": "binary", "extra": "atom"}
    assert tree(up)[BOX].pid == tree(before)[BOX].pid
    assert (down.release, tree(down)[BOX].state["keys"]) == ("0.1.0", {"value": "binary"})
    assert down.modules["Elixir.Trial.Box"] == before.modules["Elixir.Trial.Box"] != up.modules["Elixir.Trial.Box"]
    assert agent.snapshot(SALT).release == "0.2.0"
    assert term(trial, f"gen_server:call({BOX}, version)") == term(trial, '<<"0.2.0">>')


def test_a_version_becomes_permanent(trial: Installed, agent: Agent) -> None:
    ready(agent, trial)
    agent.install("0.2.0", 20.0)

    assert agent.commit("0.2.0") == []
    assert agent.commit("0.2.0") == []

    assert agent.snapshot(SALT).permanent == "0.2.0"
    assert (trial.root / "releases" / "start_erl.data").read_text().split()[1] == "0.2.0"


def test_a_version_that_does_not_run_does_not_become_permanent(trial: Installed, agent: Agent) -> None:
    ready(agent, trial)

    with pytest.raises(NodeError, match=r"does not make 0\.2\.0 permanent"):
        agent.commit("0.2.0")


def test_an_upgrade_that_is_refused_leaves_applications_as_they_were(trial: Installed, agent: Agent) -> None:
    term(trial, 'begin application:set_env(trial, own, "value"), application:set_env(trial, greeting, changed) end')
    term(trial, "application:set_env(not_loaded_yet, key, value, [{persistent, true}])")
    state = "lists:sort(element(tuple_size(S), S)) || S <- [sys:get_state(application_controller)]"
    ready(agent, trial, early="{apply,{erlang,error,[not_today]}},")
    before, configured = described(trial), term(trial, f"[{state}]")

    with pytest.raises(NodeError, match=r"refused 0\.2\.0: .*not_today.*; nothing was changed"):
        agent.install("0.2.0", 20.0)

    assert described(trial) == before
    assert term(trial, f"[{state}]") == configured
    assert agent.snapshot(SALT).release == "0.1.0"
    # It was told of the change, and that it was taken back.
    assert len(term(trial, "persistent_term:get(trial_told)").split("greeting")) == 3


def test_an_upgrade_that_fails_behind_the_point_of_no_return_restarts_the_node(trial: Installed, agent: Agent) -> None:
    ready(agent, trial, late="{apply,{erlang,error,[too_late]}},")

    with pytest.raises(NodeError, match=r"restarts, after release_handler began to install 0\.2\.0|did not answer"):
        agent.install("0.2.0", 20.0)

    eventually(lambda: trial.facts().node is not None, seconds=20)
    trial.start()
    assert agent.snapshot(SALT).release == "0.1.0"


def test_an_upgrade_that_takes_too_long_is_told(trial: Installed, agent: Agent) -> None:
    ready(agent, trial, early="{apply,{timer,sleep,[3000]}},")

    with pytest.raises(NodeError, match="release_handler is still at work"):
        agent.install("0.2.0", 0.5)
    eventually(lambda: agent.snapshot(SALT).release == "0.2.0")


# Errors ----------------------------------------------------------------------------------------------------------


def test_an_answer_of_any_length_arrives(trial: Installed, agent: Agent) -> None:
    term(trial, "[application:set_env(trial, list_to_atom(integer_to_list(N)), N) || N <- lists:seq(1, 5000)]")

    assert len(agent.snapshot(SALT).environment["trial"]) == 5002


def test_a_node_that_is_down_is_said_to_be(mix: Installed, beams: Path) -> None:
    with pytest.raises(NodeError, match="the node does not run"):
        agent_of(mix, beams).snapshot(SALT)


def test_erlang_releases_are_asked_in_the_same_way(relx: Installed, beams: Path) -> None:
    relx.start()
    found = agent_of(relx, beams).snapshot(SALT)

    assert [(one.path, one.behaviour, one.callback) for one in found.tree if one.path[0] == "bell"] == [
        (("bell",), "supervisor", "bell_sup"),
        (("bell", "bell"), "gen_server", "bell"),
        (("bell", "bell_listener"), "other", "bell_listener"),
    ]
    assert agent_of(relx, beams).preflight(["bell"]) == []
