"""`deliver_relup` in live nodes: each function does what the relup expects of it, or raises and changes nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest

from deliver.config.schema import Service
from deliver.node.answer import decode
from deliver.node.upgrade import resolve
from deliver.secret import Secret
from tests.node.releases import COOKIE, Installed, ask, eventually, installed
from tests.node.two_releases import build_two

pytestmark = pytest.mark.slow

INLINE = {"duo": "Elixir.Duo.Supervisor"}


@pytest.fixture(scope="session")
def duo_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_two(tmp_path_factory.mktemp("duo"))


@pytest.fixture(scope="session")
def rebooting_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_two(tmp_path_factory.mktemp("rebooting"), "reboot_system_after_config: true")


@pytest.fixture(scope="session")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled module."""
    directory = tmp_path_factory.mktemp("helper")
    source = resources.files("deliver.payload").joinpath("deliver_relup.erl")
    subprocess.run(["erlc", "-Werror", "-o", directory, str(source)], check=True)
    return directory / "deliver_relup.beam"


@pytest.fixture
def duo(duo_release: Path, helper: Path, tmp_path: Path, node: str) -> Iterator[Installed]:
    with up(duo_release, helper, tmp_path / "srv of duo", node) as found:
        yield found


@pytest.fixture
def rebooting(rebooting_release: Path, helper: Path, tmp_path: Path, node: str) -> Iterator[Installed]:
    with up(rebooting_release, helper, tmp_path / "srv of duo", node) as found:
        yield found


@contextmanager
def up(release: Path, helper: Path, path: Path, node: str) -> Iterator[Installed]:
    """A node that runs 0.1.0, with the helper loaded."""
    with installed(release, path, node) as found:
        found.give(DUO_SECRET=Secret("s3cret of\ntwo lines"))
        (found.root / "releases" / "COOKIE").write_text(COOKIE)
        found.start()
        shutil.copy(helper, found.root / "releases" / "0.2.0")
        load_helper(found)
        yield found


def load_helper(release: Installed) -> None:
    beam = release.root / "releases" / "0.2.0" / "deliver_relup"
    assert term(release, f'element(1, code:load_abs("{beam}"))') == "module"


def term(release: Installed, expression: str) -> str:
    """Return what an Erlang expression comes to, as `~tw` prints it; or how it failed."""
    text = 'base64:encode_to_string(unicode:characters_to_binary(io_lib:format("~tw", [What])))'
    code = f"What = try {expression} catch error:Why -> {{failed, Why}} end, {text}."
    told = dict(release.session.run(ask(release, code)).facts())
    return decode(told["answer"][0]).decode()


def change(release: Installed, version: str = "0.2.0") -> str:
    """Do what release_handler does first: give the applications what boot file and sys.config of a release say."""
    code = f"""(fun() ->
        Directory = filename:join([code:root_dir(), "releases", "{version}"]),
        {{ok, Boot}} = file:read_file(filename:join(Directory, "start.boot")),
        {{script, _, Script}} = binary_to_term(Boot),
        Specs = [S || {{apply, {{application, load, [S]}}}} <- Script],
        {{ok, [Config]}} = file:consult(filename:join(Directory, "sys.config")),
        application_controller:change_application_data(Specs, Config)
    end)()"""
    return term(release, code)


def env(release: Installed, key: str, app: str = "duo") -> str:
    value = f"application:get_env({app}, {key})"
    return term(release, f"case {value} of {{ok, V}} when is_binary(V) -> binary_to_atom(V, utf8); Other -> Other end")


def children(release: Installed) -> str:
    """Return ids, the last one first, each with its state or what it is instead of running."""
    return term(
        release,
        "[{Id, case is_pid(Pid) of true -> 'Elixir.Agent':get(Pid, fun(V) -> V end); false -> Pid end}"
        " || {Id, Pid, _, _} <- supervisor:which_children('Elixir.Duo.Supervisor')]",
    )


def pid_of(release: Installed, name: str) -> str:
    pids = "supervisor:which_children('Elixir.Duo.Supervisor')"
    return term(release, f"pid_to_list(element(2, lists:keyfind({name}, 1, {pids})))")


def test_configuration_becomes_what_the_providers_of_the_new_version_say(duo: Installed) -> None:
    assert resolve(duo.session, duo.host, "duo", "0.2.0", {})
    assert env(duo, "only_old") == "yes"
    assert change(duo) == "ok"
    assert env(duo, "secret") == "undefined"

    assert term(duo, 'deliver_relup:configure("0.2.0")') == "ok"

    assert env(duo, "secret") == "'s3cret of\\ntwo lines'"
    assert env(duo, "at_boot") == "'0.2.0'"
    assert env(duo, "only_new") == "yes"
    assert env(duo, "only_old") == "undefined"


def test_an_application_that_is_loaded_later_gets_its_configuration_too(duo: Installed) -> None:
    resolve(duo.session, duo.host, "duo", "0.2.0", {})
    term(duo, "begin application:stop(duo), application:unload(duo) end")

    term(duo, 'deliver_relup:configure("0.2.0")')
    term(duo, "application:load(duo)")

    assert env(duo, "only_new") == "yes"


def test_without_a_computed_configuration_nothing_is_touched(duo: Installed) -> None:
    before = term(duo, "lists:sort(application:get_all_env(duo))")

    assert term(duo, 'deliver_relup:configure("0.2.0")') == "ok"

    assert term(duo, "lists:sort(application:get_all_env(duo))") == before


def test_what_the_kernel_was_started_with_stays(duo: Installed) -> None:
    resolve(duo.session, duo.host, "duo", "0.2.0", {})
    term(duo, "application:set_env(kernel, net_ticktime, 77)")

    term(duo, 'deliver_relup:configure("0.2.0")')

    assert env(duo, "net_ticktime", "kernel") == "{ok,77}"


def kind(release: Installed, value: str) -> str:
    return term(release, f"binary_to_atom('Elixir.Duo.Kind':kind({value}), utf8)")


def test_protocols_are_those_of_the_new_version_at_the_same_place_of_the_path(duo: Installed) -> None:
    place = 'string:str([filename:basename(P) || P <- code:get_path()], ["consolidated"])'
    before = term(duo, place)
    assert kind(duo, "[]") == "any"

    for version, found in [("0.2.0", "list"), ("0.2.0", "list"), ("0.1.0", "any"), ("0.2.0", "list")]:
        directory = duo.root / "lib" / f"duo-{version}" / "ebin"
        term(duo, f'code:add_pathz("{directory}")')
        for module in duo.root.joinpath("lib", f"duo-{version}", "ebin").glob("Elixir.Duo.Kind.*.beam"):
            term(duo, f'code:load_abs("{module.with_suffix("")}")')
        assert term(duo, f'deliver_relup:protocols("{version}")') == "ok"
        assert kind(duo, "[]") == found
        assert kind(duo, "1") == "integer"
        assert term(duo, place) == before
        assert version_of_path(duo) == [version]


def version_of_path(release: Installed) -> list[str]:
    code = (
        '(fun() -> Found = [P || P <- code:get_path(), filename:basename(P) =:= "consolidated"],'
        " [list_to_atom(filename:basename(filename:dirname(P))) || P <- Found] end)()"
    )
    return [one.strip("'") for one in term(release, code).strip("[]").split(",")]


def test_a_protocol_that_is_not_consolidated_any_more_is_as_its_application_has_it(duo: Installed) -> None:
    (duo.root / "releases" / "0.2.0" / "consolidated" / "Elixir.Duo.Kind.beam").unlink()
    assert term(duo, "'Elixir.Duo.Kind':'__protocol__'('consolidated?')") == "true"

    assert term(duo, 'deliver_relup:protocols("0.2.0")') == "ok"

    assert term(duo, "'Elixir.Duo.Kind':'__protocol__'('consolidated?')") == "false"


def test_a_supervisor_takes_its_new_children_and_those_that_stay_keep_their_processes(duo: Installed) -> None:
    assert resolve(duo.session, duo.host, "duo", "0.2.0", INLINE)
    kept, changed = pid_of(duo, "kept"), pid_of(duo, "changed")

    assert term(duo, "deliver_relup:stop_child([duo, gone])") == "ok"
    assert term(duo, "deliver_relup:stop_child([duo, gone])") == "ok"
    assert term(duo, 'deliver_relup:supervisor(duo, "0.2.0")') == "ok"
    assert children(duo) == "[{kept,1},{changed,3},{first,undefined}]"
    assert term(duo, "deliver_relup:start_child([duo, first])") == "ok"
    assert term(duo, "deliver_relup:start_child([duo, first])") == "ok"

    assert children(duo) == "[{kept,1},{changed,3},{first,0}]"
    assert (pid_of(duo, "kept"), pid_of(duo, "changed")) == (kept, changed)
    spec = "element(2, supervisor:get_childspec('Elixir.Duo.Supervisor', changed))"
    assert term(duo, f"maps:get(start, {spec})") == "{'Elixir.Duo.Cell',start_link,[33]}"
    assert term(duo, "element(6, sys:get_state('Elixir.Duo.Supervisor'))") == "7"  # how many restarts it allows


def test_the_supervisor_lives_on_with_what_it_was_given(duo: Installed) -> None:
    resolve(duo.session, duo.host, "duo", "0.2.0", INLINE)
    term(duo, "deliver_relup:stop_child([duo, gone])")
    term(duo, 'deliver_relup:supervisor(duo, "0.2.0")')

    term(duo, "supervisor:terminate_child('Elixir.Duo.Supervisor', changed)")
    term(duo, "supervisor:restart_child('Elixir.Duo.Supervisor', changed)")

    assert "{changed,33}" in children(duo)


def test_the_way_back_gives_the_old_children(duo: Installed) -> None:
    for version in ("0.2.0", "0.1.0"):
        resolve(duo.session, duo.host, "duo", version, INLINE)
    term(duo, "deliver_relup:stop_child([duo, gone])")
    term(duo, 'deliver_relup:supervisor(duo, "0.2.0")')

    term(duo, "deliver_relup:stop_child([duo, first])")
    assert term(duo, 'deliver_relup:supervisor(duo, "0.1.0")') == "ok"
    assert term(duo, "deliver_relup:start_child([duo, gone])") == "ok"

    assert children(duo) == "[{changed,3},{gone,2},{kept,1}]"


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ('supervisor(duo, "0.2.0")', "{failed,{deliver,unknown_children,duo}}"),
        ("start_child([duo, nobody])", "{failed,{deliver,not_started,[duo,nobody],not_found}}"),
        ("start_child([nothing, nobody])", "{failed,{deliver,not_started,[nothing,nobody],{not_running,nothing}}}"),
        ("start_child([duo, nobody, at_all])", "{failed,{deliver,not_started,[duo,nobody,at_all],{no_child,nobody}}}"),
        ("inline_child([nothing, one])", "{failed,{deliver,no_supervisor,[nothing,one],{not_running,nothing}}}"),
        ("inline_child([duo, nobody])", "ok"),
        ("stop_child([nothing, nobody])", "ok"),
        ("stop_child([duo, nobody, at_all])", "ok"),
    ],
)
def test_what_cannot_be_done_raises_and_changes_nothing(duo: Installed, call: str, why: str) -> None:
    assert term(duo, f"deliver_relup:{call}") == why
    assert children(duo) == "[{changed,3},{gone,2},{kept,1}]"


def test_a_child_that_does_not_start_raises_its_reason(duo: Installed) -> None:
    duo.stop()
    duo.give(DUO_BROKEN="yes")
    duo.start()
    load_helper(duo)
    resolve(duo.session, duo.host, "duo", "0.2.0", INLINE)
    term(duo, 'deliver_relup:supervisor(duo, "0.2.0")')

    assert "it_should_fail" in term(duo, "deliver_relup:start_child([duo, broken])")


def test_a_supervisor_with_a_callback_module_of_its_own_is_left_alone(duo: Installed) -> None:
    resolved = 'filename:join([code:root_dir(), ".deliver", "upgrades", "resolved", "0.2.0.etf"])'
    content = "term_to_binary(#{env => [], children => #{kernel => {#{}, []}}})"
    term(duo, f"begin filelib:ensure_dir({resolved}), file:write_file({resolved}, {content}) end")
    before = term(duo, "sys:get_state(kernel_sup)")

    assert term(duo, 'deliver_relup:supervisor(kernel, "0.2.0")') == "{failed,{deliver,not_an_inline_supervisor}}"

    assert term(duo, "sys:get_state(kernel_sup)") == before
    assert term(duo, "length(supervisor:which_children(kernel_sup)) > 3") == "true"


def make_permanent(release: Installed, version: str = "0.2.0") -> None:
    """Do what release_handler does to the node's own idea of how it boots."""
    place = release.root / "releases" / version
    assert term(release, f'init:make_permanent("{place}/start", "{place}/sys")') == "ok"


def variables(release: Installed) -> tuple[str, str, str]:
    names = ("RELEASE_VSN", "RELEASE_SYS_CONFIG", "RELEASE_VM_ARGS")
    read = [term(release, f'list_to_atom(os:getenv("{name}"))').strip("'") for name in names]
    return (read[0], read[1].replace(str(release.root), ""), read[2].replace(str(release.root), ""))


def restart(release: Installed) -> None:
    """Restart inside the node, as `bin/app restart` does, and wait until it is up again."""
    term(release, "persistent_term:put(deliver_was_here, yes)")
    mine = {"RELEASE_NODE": release.host.node, "RELEASE_VSN": "0.1.0"}
    command: list[str | Path] = [release.root / "bin" / "duo", "restart"]
    subprocess.run(command, env={**os.environ, **mine}, check=True, capture_output=True)
    eventually(lambda: _is_anew(release), seconds=20)


def _is_anew(release: Installed) -> bool:
    state = "{element(1, init:get_status()), is_pid(whereis('Elixir.Duo.Supervisor'))}"
    code = f'io_lib:format("~w ~w", [{state}, persistent_term:get(deliver_was_here, no)])'
    told = dict(release.session.run(ask(release, f"base64:encode_to_string(lists:flatten({code})).")).facts())
    return "answer" in told and decode(told["answer"][0]) == b"{started,true} no"


def test_a_restart_inside_the_node_boots_the_permanent_version_with_its_own_configuration(duo: Installed) -> None:
    assert term(duo, 'deliver_relup:environment("0.2.0")') == "ok"
    assert variables(duo) == ("0.2.0", "/releases/0.1.0/sys", "/releases/0.1.0/vm.args")
    make_permanent(duo)
    assert term(duo, 'deliver_relup:settle("0.2.0")') == "ok"
    assert variables(duo) == ("0.2.0", "/releases/0.2.0/sys", "/releases/0.2.0/vm.args")

    restart(duo)

    assert term(duo, "{ok, Version} = application:get_key(duo, vsn), list_to_atom(Version)") == "'0.2.0'"
    assert env(duo, "at_boot") == "'0.2.0'"
    assert env(duo, "only_new") == "yes"
    assert env(duo, "only_old") == "undefined"


def test_a_restart_inside_the_node_before_that_boots_the_old_version_with_its_own_configuration(duo: Installed) -> None:
    term(duo, 'deliver_relup:environment("0.2.0")')

    restart(duo)

    assert env(duo, "at_boot") == "'0.1.0'"
    assert env(duo, "only_old") == "yes"
    assert env(duo, "only_new") == "undefined"


def test_providers_that_need_a_second_boot_get_a_configuration_file_of_their_own(rebooting: Installed) -> None:
    old = variables(rebooting)[1]
    assert old.endswith(".runtime")
    term(rebooting, 'deliver_relup:environment("0.2.0")')
    make_permanent(rebooting)
    assert term(rebooting, 'deliver_relup:settle("0.2.0")') == "ok"
    new = variables(rebooting)[1]
    file = rebooting.root / f"{new[1:]}.config"
    assert new != old
    assert file.stat().st_mode & 0o777 == 0o600

    restart(rebooting)

    assert env(rebooting, "at_boot") == "'0.2.0'"
    assert env(rebooting, "only_old") == "undefined"
    assert "{config_provider_booted," in file.read_text()


def test_the_configuration_of_such_providers_is_computed_too(rebooting: Installed) -> None:
    assert resolve(rebooting.session, rebooting.host, "duo", "0.2.0", INLINE)
    change(rebooting)

    assert term(rebooting, 'deliver_relup:configure("0.2.0")') == "ok"

    assert env(rebooting, "secret") == "'s3cret of\\ntwo lines'"
    assert env(rebooting, "only_new") == "yes"


def test_heart_starts_the_version_that_is_permanent_by_then(duo: Installed) -> None:
    duo.stop()
    duo.service = Service(heart=True)
    first = duo.start().pid
    load_helper(duo)
    assert term(duo, 'deliver_relup:environment("0.2.0")') == "ok"
    assert term(duo, 'deliver_relup:environment("0.2.0")') == "ok"
    (duo.root / "releases" / "start_erl.data").write_text("13.1.5 0.2.0\n")

    os.kill(first, signal.SIGKILL)

    def again() -> bool:
        process = duo.facts().process
        return process is not None and process.pid != first and process.version == "0.2.0"

    eventually(again, seconds=20)
    assert duo.start().already
    assert env(duo, "at_boot") == "'0.2.0'"
