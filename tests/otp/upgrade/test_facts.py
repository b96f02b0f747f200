"""What is read of release trees: of real ones, and of small ones in which one thing changes."""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from deliver.errors import BuildError
from deliver.otp.upgrade.facts import App, Facts, parse
from tests.apps import make_repository
from tests.otp.upgrade.trees import Reader, Tree
from tests.store import apps

MakeTree = Callable[..., Tree]


@pytest.fixture
def tree(reader: Reader, tmp_path: Path) -> MakeTree:
    """Make a tree: of a name, a version, and keys of its `.app` file."""

    def make(name: str = "tree", version: str = "0.1.0", keys: str = "") -> Tree:
        return Tree(reader, tmp_path / name, version, keys)

    return make


# Modules --------------------------------------------------------------------------------------------------------------


def test_a_module_whose_lines_only_moved_is_the_same(tree: MakeTree) -> None:
    body = "-export([f/1]).\n-vsn({}).\nf(X) when X > 1 -> error({{bad, X}}).\n"
    one, other = tree("one"), tree("other")
    one.erlang("demo", body.format(1))
    other.erlang("demo", "\n%% A comment.\n\n" + body.format(1), "+debug_info")
    assert one.modules() == other.modules()


def test_an_elixir_module_whose_lines_only_moved_is_the_same(tree: MakeTree) -> None:
    body = 'defmodule Demo do\n  defstruct [:a]\n  def f(x), do: raise("no #{x}")\nend\n'
    one, other = tree("one"), tree("other")
    one.elixir(body)
    other.elixir(f"\n# A comment.\n\n{body}")
    assert one.modules() == other.modules()


def test_code_and_attributes_differ_each_for_itself(tree: MakeTree) -> None:
    one, code, said = tree("one"), tree("code"), tree("said")
    one.erlang("demo", "-export([f/0]).\n-vsn(1).\n-mood(good).\nf() -> 1.")
    code.erlang("demo", "-export([f/0]).\n-vsn(1).\n-mood(good).\nf() -> 2.")
    said.erlang("demo", "-export([f/0]).\n-vsn(2).\n-mood(bad).\nf() -> 1.")
    before, of_code, of_said = (each.modules()["demo"] for each in (one, code, said))
    assert replace(of_code, md5=before.md5) == before
    assert of_code.md5 != before.md5
    assert replace(of_said, attributes=before.attributes, vsn="1") == before
    assert of_said.attributes != before.attributes


def test_a_module_says_what_it_is_and_what_it_calls(tree: MakeTree) -> None:
    made = tree()
    text = """\
-behaviour(gen_server).
-behavior(demo_other).
-export([init/1, handle_call/3, handle_cast/2]).
init(X) -> {ok, lists:sort(X)}.
handle_call(_, _, S) -> {reply, demo:f(S), S}.
handle_cast(M, S) -> {noreply, 'Elixir.Demo':g(M, S)}."""
    made.erlang("demo", text)
    module = made.modules()["demo"]
    assert module.behaviours == ("demo_other", "gen_server")
    assert module.exports == ("handle_call/3", "handle_cast/2", "init/1")
    assert module.calls == ("Elixir.Demo", "erlang", "lists")
    assert (module.loads_native, module.struct, module.protocol, module.implements) == (False, None, False, "")


def test_vsn_is_the_first_value_in_text(tree: MakeTree) -> None:
    made = tree()
    made.erlang("demo_1", '-vsn("1.0").')
    made.erlang("demo_2", "-vsn({a, 2}).")
    found = {name: module.vsn for name, module in made.modules().items()}
    assert found == {"demo_1": "49", "demo_2": "{a,2}"}


def test_a_module_that_loads_a_library_is_seen_and_neither_it_nor_one_that_runs_at_load_is_loaded(
    tree: MakeTree,
) -> None:
    made = tree()
    mark = made.root / "loaded"
    runs = f'init() -> file:write_file("{mark}", "").'
    made.erlang(
        "demo_on_load", f"-on_load(init/0).\n-export(['__struct__'/0]).\n'__struct__'() -> #{{a => 1}}.\n{runs}"
    )
    made.erlang("demo_nif", '-export([f/0]).\nf() -> erlang:load_nif("x", 0).')
    made.erlang("demo_plain", "-export([f/1]).\nf(X) -> X + 149.")
    modules = made.modules()
    found = {name: module.loads_native for name, module in modules.items()}
    assert found == {"demo_nif": True, "demo_on_load": False, "demo_plain": False}
    assert modules["demo_on_load"].struct is None
    assert not mark.exists()


def test_the_keys_of_structs_are_known(tree: MakeTree) -> None:
    made = tree()
    made.elixir(
        "defmodule Demo.State, do: defstruct([:zeta, alpha: &Demo.State.f/0, beta: %{}])\n"
        "defmodule Demo.Empty, do: defstruct([])\n"
        'defmodule Demo.Error, do: defexception(message: "oh")\n'
        "defmodule Demo.None, do: def(f, do: 1)\n"
    )
    found = {name: module.struct for name, module in made.modules().items()}
    assert found == {
        "Elixir.Demo.State": ("alpha", "beta", "zeta"),
        "Elixir.Demo.Empty": (),
        "Elixir.Demo.Error": ("__exception__", "message"),
        "Elixir.Demo.None": None,
    }


def test_the_callback_modes_of_state_machines_are_known(tree: MakeTree) -> None:
    made = tree()
    for name, mode in (("one", "state_functions"), ("two", "[state_functions, state_enter]"), ("bad", "error(no)")):
        made.erlang(f"demo_{name}", f"-export([callback_mode/0]).\ncallback_mode() -> {mode}.")
    found = {name: module.mode for name, module in made.modules().items()}
    assert found == {"demo_one": "[state_functions]", "demo_two": "[state_enter,state_functions]", "demo_bad": ""}


def test_a_module_mentions_the_structs_that_it_names(tree: MakeTree) -> None:
    made = tree()
    made.elixir(
        "defmodule Demo.Item, do: defstruct([:name])\n"
        "defmodule Demo.Shelf do\n  def new(name), do: %Demo.Item{name: name}\n  def other, do: Demo.Nothing\nend\n"
    )
    found = {name: module.mentions for name, module in made.modules().items()}
    assert found == {"Elixir.Demo.Item": (), "Elixir.Demo.Shelf": ("Elixir.Demo.Item",)}


def test_what_is_no_struct_though_it_looks_like_one_does_no_harm(tree: MakeTree) -> None:
    made = tree()
    made.erlang("demo_raises", "-export(['__struct__'/0]).\n'__struct__'() -> error(no).")
    made.erlang("demo_exits", "-export(['__struct__'/0]).\n'__struct__'() -> exit({keys, [a]}).")
    made.erlang("demo_list", "-export(['__struct__'/0]).\n'__struct__'() -> [].")
    assert {module.struct for module in made.modules().values()} == {None}


def test_fields_of_records_are_known_where_there_is_debug_information(tree: MakeTree) -> None:
    made = tree()
    records = "-record(state, {name, count = 0 :: integer()}).\n-record(none, {}).\n"
    text = f"-export([f/0]).\n{records}f() -> {{#state{{}}, #none{{}}}}."
    made.erlang("demo_bare", text)
    made.erlang("demo_debug", text, "+debug_info")
    made.erlang("demo_secret", text, "+debug_info", '+{debug_info_key,"abc"}')
    found = {name: dict(module.records) for name, module in made.modules().items()}
    assert found == {"demo_bare": {}, "demo_debug": {"none": (), "state": ("name", "count")}, "demo_secret": {}}


def test_protocols_and_their_implementations_are_known(tree: MakeTree) -> None:
    made = tree()
    made.elixir(
        "defprotocol Demo.Size, do: def(size(x))\n"
        "defimpl Demo.Size, for: Map, do: def(size(x), do: map_size(x))\n"
        'defimpl String.Chars, for: Demo.Thing, do: def(to_string(_), do: "")\n'
    )
    found = {name: (module.protocol, module.implements) for name, module in made.modules().items()}
    assert found == {
        "Elixir.Demo.Size": (True, ""),
        "Elixir.Demo.Size.Map": (False, "Elixir.Demo.Size"),
        "Elixir.String.Chars.Demo.Thing": (False, "Elixir.String.Chars"),
    }


def test_names_may_be_in_any_script(tree: MakeTree) -> None:
    made = tree(keys=", {env, [{'klíč', 1}]}")
    made.elixir("defmodule :žába, do: def(skoč(), do: 1)\n")
    made.keep(made.lib / "priv/knihovna č.so", "one")
    app = made.facts().apps["demo"]
    assert app.modules["žába"].exports[-1] == "skoč/0"
    assert set(app.env) == {"klíč"}
    assert set(app.native) == {"knihovna č.so"}


def test_a_broken_module_is_an_error_that_names_it(tree: MakeTree) -> None:
    made = tree()
    made.erlang("demo", "-export([f/0]).\nf() -> 1.")
    beam = made.ebin / "demo.beam"
    whole = beam.read_bytes()
    beam.write_bytes(b"no beam\nat all")
    assert made.error() == "deliver: lib/demo-0.1.0/ebin/demo.beam cannot be read: not a beam file"
    beam.write_bytes(whole[: len(whole) // 2])
    assert made.error() == "deliver: lib/demo-0.1.0/ebin/demo.beam cannot be read: it ends too early"
    beam.write_bytes(gzip.compress(whole))
    assert made.modules()["demo"].exports == ("f/0",)


# Applications ---------------------------------------------------------------------------------------------------------


def test_the_app_file_is_read(tree: MakeTree) -> None:
    keys = (
        ", {mod, {demo_app, [1]}}, {registered, [demo_sup]}, {applications, [kernel, stdlib, ssl]}"
        ", {optional_applications, [ssl, inets]}, {included_applications, [mnesia]}"
        ", {start_phases, [{one, []}]}, {env, [{a, 1}, {b, #{c => 2}}]}"
    )
    app, bare = tree("one", keys=keys).facts().apps["demo"], tree("other").facts().apps["demo"]
    assert (app.version, app.type, app.callback) == ("0.1.0", "permanent", "demo_app")
    assert app.registered == ("demo_sup",)
    assert app.dependencies == ("kernel", "stdlib", "ssl", "inets")
    assert app.included == ("mnesia",)
    assert set(app.env) == {"a", "b"}
    assert app.phases
    assert app.arguments
    assert (bare.callback, bare.arguments, bare.phases, dict(bare.env)) == ("", "", "", {})


def test_types_and_order_of_applications_come_from_the_rel_file(tree: MakeTree) -> None:
    made = tree()
    extra = {"zeta": '{zeta, "1", load}', "alpha": '{alpha, "1", none, [demo]}', "beta": '{beta, "1", [demo]}'}
    for name in extra:
        made.keep(made.root / f"lib/{name}-1/ebin/{name}.app", f'{{application, {name}, [{{vsn, "1"}}]}}.\n')
    listed = ", ".join([*extra.values(), '{demo, "0.1.0", transient}'])
    made.keep(made.settings / "demo.rel", f'{{release, {{"demo", "0.1.0"}}, {{erts, "13.0"}}, [{listed}]}}.\n')
    found = [(app.name, app.type) for app in made.facts().apps.values()]
    assert found == [("zeta", "load"), ("alpha", "none"), ("beta", "permanent"), ("demo", "transient")]


def test_an_error_that_nobody_thought_of_is_told_in_one_line_without_values(tree: MakeTree) -> None:
    made = tree(keys=', {env, [{a, 1}, "secret"]}')
    assert made.error() == "deliver: the release cannot be read: badarg in {maps,from_list}"


def test_an_application_that_is_nowhere_is_an_error(tree: MakeTree) -> None:
    made = tree()
    shutil.rmtree(made.lib)
    assert made.error() == "deliver: lib/demo-0.1.0 cannot be read: there is no such directory"


def test_an_application_that_the_release_leaves_to_the_machine_is_read_there(tree: MakeTree) -> None:
    made = tree()
    expression = "io:put_chars(filename:basename(code:lib_dir(crypto))), halt()."
    installed = apps.run(["erl", "-noinput", "-eval", expression]).removeprefix("crypto-")
    listed = f'{{crypto, "{installed}"}}, {{demo, "0.1.0"}}'
    made.keep(made.settings / "demo.rel", f'{{release, {{"demo", "0.1.0"}}, {{erts, "13.0"}}, [{listed}]}}.\n')
    crypto = made.facts().apps["crypto"]
    assert crypto.modules["crypto"].loads_native


def test_everything_in_priv_counts_and_libraries_for_themselves(tree: MakeTree) -> None:
    made = tree()
    hashes = [made.facts().apps["demo"].priv]
    made.keep(made.lib / "priv/native/demo.so", "one")
    hashes.append(made.facts().apps["demo"].priv)
    made.keep(made.lib / "priv/text", "two")
    hashes.append(made.facts().apps["demo"].priv)
    (made.lib / "priv/text").chmod(0o755)
    hashes.append(made.facts().apps["demo"].priv)
    (made.lib / "priv/link").symlink_to("/nowhere")
    app = made.facts().apps["demo"]
    assert hashes[0] == ""
    assert len({*hashes, app.priv}) == 5
    assert dict(app.native) == {"native/demo.so": "f97c5d29941bfb1b2fdab0874906ab82"}


def test_an_appup_is_read_with_its_regular_expressions(tree: MakeTree) -> None:
    made = tree(version="0.2.0")
    made.keep(
        made.ebin / "demo.appup",
        '{"0.2.0",\n [{"0.1.0", [{update, demo, {advanced, "text"}}, {load_module, demo_b, [demo]},\n'
        "   {apply, {io, nl, []}}, {add_module, demo_a}, point_of_no_return]}],\n"
        ' [{<<"^0\\\\.1\\\\.[0-9]+$">>, [restart_new_emulator]}]}.\n',
    )
    appup = made.facts().apps["demo"].appup
    assert appup is not None
    assert appup.version == "0.2.0"
    [up], [down] = appup.up, appup.down
    assert (up.version, up.regex, up.modules) == ("0.1.0", False, ("demo", "demo_a", "demo_b"))
    assert up.instructions == (
        '[{update,demo,{advanced,"text"}},{load_module,demo_b,[demo]},'
        "{apply,{io,nl,[]}},{add_module,demo_a},point_of_no_return]"
    )
    assert (down.version, down.regex, down.modules) == (r"^0\.1\.[0-9]+$", True, ())
    assert down.instructions == "[restart_new_emulator]"


@pytest.mark.parametrize("text", ['{"0.2.0", [', "sorry.\n", '{"0.2.0", none, none}.\n'])
def test_an_appup_that_cannot_be_read_is_none(tree: MakeTree, text: str) -> None:
    made = tree()
    made.keep(made.ebin / "demo.appup", text)
    assert made.facts().apps["demo"].appup is None


# The release ----------------------------------------------------------------------------------------------------------


def test_a_version_that_is_not_there_is_an_error(tree: MakeTree) -> None:
    made = tree()
    made.version = "0.3.0"
    assert made.error() == "deliver: releases/0.3.0 cannot be read: no .rel file in it is of this version"


def test_values_in_sys_config_are_told_apart_by_application_and_key(tree: MakeTree) -> None:
    one, other = tree("one"), tree("other")
    keys = ", ".join(f"k{index} => {index}" for index in range(40))
    again = ", ".join(f"k{index} => {index}" for index in reversed(range(40)))
    one.keep(one.settings / "sys.config", f"%% Mine.\n[{{demo, [{{a, 1}}, {{b, #{{{keys}}}}}]}}, {{kernel, []}}].\n")
    other.keep(other.settings / "sys.config", f"[{{demo, [{{b, #{{{again}}}}}, {{a, 2}}, {{c, fun lists:map/2}}]}}].\n")
    before, after = one.facts(), other.facts()
    assert before.config["demo"].keys() == {"a", "b"}
    assert before.config["kernel"] == {}
    assert before.config["demo"]["b"] == after.config["demo"]["b"]
    assert before.config["demo"]["a"] != after.config["demo"]["a"]
    assert (before.providers, after.providers) == (False, False)


def test_sys_config_may_name_other_files_and_what_comes_later_counts(tree: MakeTree) -> None:
    one, other = tree("one"), tree("other")
    one.keep(one.settings / "sys.config", '[{demo, [{a, 1}, {b, 1}]}, "more", "more/other.config"].\n')
    one.keep(one.settings / "more.config", "[{demo, [{b, 2}]}].\n")
    one.keep(one.settings / "more/other.config", "[{kernel, [{c, 3}]}].\n")
    other.keep(other.settings / "sys.config", "[{demo, [{a, 1}, {b, 2}]}, {kernel, [{c, 3}]}].\n")
    assert one.facts().config == other.facts().config


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[{demo, [{f, #Fun<erl_eval.1>}]}].\n", "1: syntax error before: Fun"),
        ("[{demo, [{a, 1}]}\n", "1: syntax error before: "),
        ("{demo, []}.\n", "it must be one list"),
        ("[].\n[].\n", "it must be one list"),
        ("[demo].\n", "demo is not an application and its values"),
        ('[{demo, ["secret"]}].\n', "demo is not an application and its values"),
        ('[{"secret", []}].\n', "something in it is not an application and its values"),
    ],
)
def test_a_sys_config_that_cannot_be_read_is_an_error_that_says_so(tree: MakeTree, text: str, why: str) -> None:
    made = tree()
    made.keep(made.settings / "sys.config", text)
    assert made.error() == f"deliver: releases/0.1.0/sys.config cannot be read: {why}".rstrip()


def test_a_template_of_sys_config_is_read_with_its_variables(tree: MakeTree) -> None:
    one, other = tree("one"), tree("other")
    text = '[{{demo, [{{port, ${{PORT:-{}}}}}, {{url, "http://${{HOST}}/č"}}]}}].\n'
    one.keep(one.settings / "sys.config.src", text.format(80))
    one.keep(one.settings / "sys.config", "made of it when a node booted")
    other.keep(other.settings / "sys.config.src", text.format(443))
    before, after = one.facts(), other.facts()
    assert (before.providers, after.providers) == (True, True)
    assert before.config["demo"]["url"] == after.config["demo"]["url"]
    assert before.config["demo"]["port"] != after.config["demo"]["port"]


def test_variables_in_sys_config_are_computed_when_it_boots(tree: MakeTree) -> None:
    made = tree()
    made.keep(made.settings / "sys.config", '[{demo, [{url, "${URL}"}]}].\n')
    assert made.facts().providers


def test_comments_in_vm_args_and_env_sh_do_not_count(tree: MakeTree) -> None:
    one, other, third = tree("one"), tree("other"), tree("third")
    for name in ("vm.args", "env.sh"):
        one.keep(one.settings / name, "# Ours.\n\n-a 1\n")
        other.keep(other.settings / name, "-a 1\n\n\n  # Theirs.\n")
        third.keep(third.settings / name, "-a 2\n")
    first, second, last = one.facts(), other.facts(), third.facts()
    assert (first.vm_args, first.env_sh) == (second.vm_args, second.env_sh)
    assert first.vm_args != last.vm_args
    assert first.env_sh != last.env_sh
    assert first.vm_args


def test_files_of_only_comments_say_as_little_as_none(tree: MakeTree) -> None:
    made = tree()
    made.keep(made.settings / "env.sh", "#!/bin/sh\n\n# export A=1\n")
    assert (made.facts().env_sh, made.facts().vm_args) == ("", "")


def test_protocols_that_distillery_consolidated_are_found(tree: MakeTree) -> None:
    made = tree()
    made.elixir("defprotocol Demo.Size, do: def(size(x))\n")
    (made.lib / "consolidated").mkdir()
    shutil.copy(made.ebin / "Elixir.Demo.Size.beam", made.lib / "consolidated")
    facts = made.facts()
    assert facts.consolidated_path == "lib/demo-0.1.0/consolidated"
    assert facts.consolidated == {"Elixir.Demo.Size": facts.apps["demo"].modules["Elixir.Demo.Size"].md5}


def test_a_release_of_neither_mix_nor_rebar3_is_read(tree: MakeTree) -> None:
    facts = tree().facts()
    assert (facts.name, facts.version, facts.erts, facts.kind) == ("demo", "0.1.0", "13.0", "command")
    assert (facts.includes_erts, facts.boot, facts.providers) == (False, "", False)
    assert (facts.config, facts.consolidated, facts.consolidated_path) == ({}, {}, "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "demo", "apps": [], "more": 1}', '{"apps": [{}]}'])
def test_what_is_not_the_readers_is_refused(text: str) -> None:
    with pytest.raises(BuildError, match="the facts of a release cannot be read"):
        parse(text)


# Real ones ------------------------------------------------------------------------------------------------------------


COMMANDS = {
    "counter": ["mix", "release", "--quiet"],
    "thermo": ["mix", "release", "--quiet"],
    "bell": ["rebar3", "as", "prod", "release"],
}


def built(path: Path, app: str, *versions: str) -> list[Path]:
    """Build versions of one of our applications; return the directory of each one's release."""
    repository = make_repository(path / app, app)
    roots = []
    for version in versions:
        checkout = path / version
        repository.git("clone", "--quiet", "--branch", f"v{version}", str(repository.path), str(checkout))
        apps.run(COMMANDS[app], cwd=checkout)
        roots.append(checkout / "_build/prod/rel" / app)
    return roots


def differing(old: Facts, new: Facts) -> set[str]:
    """The fields of two releases that have other values, without their applications and names."""
    return {one.name for one in fields(Facts) if getattr(old, one.name) != getattr(new, one.name)} - {"apps"}


def differing_modules(old: App, new: App) -> set[str]:
    both = old.modules.keys() | new.modules.keys()
    return {name for name in both if old.modules.get(name) != new.modules.get(name)}


@pytest.mark.slow
def test_two_versions_that_mix_made_differ_in_what_was_changed(reader: Reader, tmp_path: Path) -> None:
    roots = built(tmp_path, "counter", "0.1.0", "0.2.0")
    began = time.monotonic()
    old, new = reader.facts(roots[0], "0.1.0"), reader.facts(roots[1], "0.2.0")
    assert time.monotonic() - began < 10  # for both; it is one second where nothing else runs
    assert differing(old, new) == {"version", "consolidated_path"}
    assert (new.name, new.version, new.kind, new.includes_erts) == ("counter", "0.2.0", "mix", True)
    assert [name for name in old.apps if old.apps[name] != new.apps[name]] == ["counter"]
    assert differing_modules(old.apps["counter"], new.apps["counter"]) == {"Elixir.Counter.Protocol"}
    assert {"kernel", "stdlib", "sasl", "elixir", "logger"} <= new.apps.keys()
    assert new.consolidated_path == "releases/0.2.0/consolidated"
    assert "Elixir.Enumerable" in new.consolidated
    assert new.providers
    assert new.boot
    elixir = new.apps["elixir"].modules
    assert elixir["Elixir.Enumerable.List"].implements == "Elixir.Enumerable"
    assert elixir["Elixir.Range"].struct == ("first", "last", "step")
    assert elixir["Elixir.Enumerable"].protocol


@pytest.mark.slow
def test_two_versions_that_rebar3_made_differ_in_what_was_changed(reader: Reader, tmp_path: Path) -> None:
    roots = built(tmp_path, "bell", "0.1.0", "0.2.0")
    old, new = reader.facts(roots[0], "0.1.0"), reader.facts(roots[1], "0.2.0")
    assert differing(old, new) == {"version"}
    assert (new.name, new.version, new.kind, new.includes_erts) == ("bell", "0.2.0", "rebar3", True)
    assert [name for name in old.apps if old.apps[name] != new.apps[name]] == ["bell"]
    assert differing_modules(old.apps["bell"], new.apps["bell"]) == {"bell"}
    assert new.apps["bell"].modules["bell_sup"].behaviours == ("supervisor",)
    assert (new.consolidated, new.consolidated_path, new.providers) == ({}, "", False)
    assert new.vm_args
    assert new.boot


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("cc") and shutil.which("make")), reason="needs make and a C compiler")
def test_native_code_of_a_real_release_is_seen(reader: Reader, tmp_path: Path) -> None:
    [root] = built(tmp_path, "thermo", "0.2.0")
    thermo = reader.facts(root, "0.2.0").apps["thermo"]
    assert thermo.native.keys() == {"thermo.so"}
    assert [name for name, module in thermo.modules.items() if module.loads_native] == ["Elixir.Thermo"]
