"""What developers say of an upgrade, on pairs of real releases that are rehearsed for real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Rehearsal, Upgrade
from deliver.errors import BuildError, ConfigError
from deliver.otp.upgrade.pair import Pair
from deliver.upgrade.flow import Request, build_upgrade
from deliver.upgrade.writing import write_appups
from tests.build.workshop import Workshop
from tests.ports import bell_config, own_ports

pytestmark = pytest.mark.slow

#: A bell that tells what it is asked for when its state changes.
BELL = """-module(bell).
-behaviour(gen_server).
-export([start_link/0, ring/0, strokes/0, init/1, handle_call/3, handle_cast/2, code_change/3]).
start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
ring() -> gen_server:call(?MODULE, ring).
strokes() -> gen_server:call(?MODULE, strokes).
init([]) -> {ok, 0}.
handle_call(ring, _From, Strokes) -> {reply, "BONG", Strokes + 1};
handle_call(strokes, _From, Strokes) -> {reply, Strokes, Strokes}.
handle_cast(_, Strokes) -> {noreply, Strokes}.
code_change(_, Strokes, {file, File}) -> ok = file:write_file(File, "changed"), {ok, Strokes};
code_change(_, Strokes, _) -> {ok, Strokes}.
"""


def bell(path: Path, files: Mapping[str, str]) -> Workshop:
    """Return a workshop of the bell, whose version 0.2.0 has these files too."""
    shop = Workshop.make(path, "bell", [])
    for version, more in (("0.1.0", bell_config()), ("0.2.0", {"src/bell.erl": BELL, **files})):
        shop.repository.use_version("bell", version)
        shop.repository.commit(f"Version {version}", more)
        shop.repository.tag(f"v{version}")
    return shop


def made(shop: Workshop, **more: object) -> Pair:
    return build_upgrade(shop.config, shop.store, shop.story, Request("0.1.0", "0.2.0", **more)).pair  # type: ignore[arg-type]


def kept(shop: Workshop, pair: Pair, name: str) -> str:
    return b"".join(shop.store.read(pair.files[name])).decode()


def relup(shop: Workshop, pair: Pair) -> str:
    return kept(shop, pair, "relup")


def told(pair: Pair) -> list[str]:
    return [f"{one.level}: {one.about}: {one.text}" for one in pair.findings]


def test_hints_at_the_tag_are_done_and_another_file_stands_for_them(tmp_path: Path) -> None:
    hints = f"""
restart_children = ["bell / bell_listener"]
before_upgrade = ['file:write_file("{tmp_path}/before", <<"up">>)']
after_downgrade = ['file:write_file("{tmp_path}/after", "down")']
[timeout]
bell = 60000
[pair."0.1.0..0.2.0"]
purge = {{ bell = "brutal" }}
extra = {{ bell = '{{file, "{tmp_path}/extra"}}' }}
"""
    shop = bell(tmp_path, {".deliver/upgrade.toml": hints})
    pair = made(shop)
    assert (pair.verdict, pair.reasons) == ("hot", ())
    assert [(tmp_path / name).read_text() for name in ("before", "after", "extra")] == ["up", "down", "changed"]
    text = relup(shop, pair)
    for wanted in ("{suspend,[{bell,60000}]}", "{load,{bell,brutal_purge,brutal_purge}}"):
        assert text.count(wanted) == 2
    assert pair.ended == (("bell", "bell_listener"),)
    assert "note: v0.2.0:.deliver/upgrade.toml: purge: bell brutal" in told(pair)
    other = tmp_path / "other.toml"
    other.write_text('extra = { bell = "{wrong" }\n')
    with pytest.raises(ConfigError, match=r"other.toml:1: extra.bell: Erlang cannot read '\{wrong'"):
        made(shop, hints=other)


def test_an_appup_with_a_regular_expression_is_done_in_place_of_our_rules(tmp_path: Path) -> None:
    appup = f"""{{"0.2.0",
 [{{<<"0\\\\.1\\\\.[0-9]+">>, [{{update, bell, {{advanced, up}}}},
   {{apply, {{file, write_file, ["{tmp_path}/appup", "done"]}}}}]}}],
 [{{<<"0\\\\.[01]\\\\..*">>, [{{update, bell, {{advanced, down}}}}]}}]}}.
"""
    shop = bell(tmp_path, {".deliver/appups/bell.appup": appup, "src/bell_more.erl": "-module(bell_more).\n"})
    pair = made(shop)
    assert (pair.verdict, pair.reasons) == ("hot", ())
    assert (tmp_path / "appup").read_text() == "done"
    assert "{code_change,up,[{bell,up}]}" in relup(shop, pair)
    assert "note: bell: its instructions are those of .deliver/appups/bell.appup" in told(pair)
    forgotten = "it changes, and .deliver/appups/bell.appup does not mention it: planned by our rules"
    assert f"warning: bell_more: {forgotten}" in told(pair)


def test_an_appup_of_another_version_is_an_error(tmp_path: Path) -> None:
    shop = bell(tmp_path, {"src/bell.appup.src": '{"0.1.5", [], []}.\n'})
    with pytest.raises(BuildError, match=r"src/bell.appup.src: it is of bell 0.1.5, and the release has 0.2.0"):
        made(shop)


SOFT = "{update,bell,{advanced,[]},soft_purge,soft_purge,[]}"


def test_our_appup_is_written_and_is_the_developers_when_they_have_changed_it(tmp_path: Path) -> None:
    shop = bell(tmp_path, {})
    ours = made(shop)
    assert [one for one in told(ours) if "systools" in one] == []
    write_appups(shop.repository.path, {"bell": kept(shop, ours, "appups/bell.appup")})
    file = shop.repository.path / ".deliver/appups/bell.appup"
    text = file.read_text()
    assert text.count(SOFT) == 2
    file.write_text(text.replace("{advanced,[]}", "{advanced,appup}"))
    pair = made(shop, hints=file.parents[1])
    assert (pair.verdict, pair.reasons) == ("hot", ())
    assert relup(shop, pair).count("[{bell,appup}]") == 2
    assert kept(shop, pair, "appups/bell.appup").count("{advanced,appup}") == 2


EDIT = """#!/bin/sh
sed -i 's|^      point_of_no_return,|&{{apply,{{file,write_file,["{file}","by hand"]}}}},|' "$1"
"""
PATCH = """main([File]) ->
    {ok, [{V, Up, [{Old, [], Down}]}]} = file:consult(File),
    ok = file:write_file(File, io_lib:format("~p.~n", [{V, Up, [{Old, [], Down ++ [{apply, {erlang, yield, []}}]}]}])).
"""


def test_a_relup_is_edited_by_hand_and_kept_or_changed_by_a_program(tmp_path: Path) -> None:
    shop = bell(tmp_path, {".deliver/patch/more.escript": f"#!/usr/bin/env escript\n{PATCH}"})
    made(shop)
    editor = tmp_path / "editor"
    editor.write_text(EDIT.format(file=tmp_path / "edited"))
    editor.chmod(0o755)
    done = relup_edit(shop, str(editor))
    assert (done.returncode, "verdict `hot`" in done.stderr) == (0, True), done.stderr
    assert (tmp_path / "edited").read_text() == "by hand"
    pair = made(shop)
    assert (pair.edited, "by hand" in relup(shop, pair)) == (True, True)
    assert relup_edit(shop, "true").stderr.endswith("nothing is changed\n")
    broken = relup_edit(shop, "sed -i s/point_of_no_return//")
    assert broken.returncode == 1
    assert "edited by hand: " in broken.stderr
    assert "what you wrote is in " in broken.stderr
    patch = replace(shop, config=replace(shop.config, upgrade=Upgrade(patch=("escript more.escript",))))
    assert made(patch) == pair
    planned = made(patch, replan=True)
    assert (planned.verdict, planned.edited, relup(shop, planned).count("{apply,{erlang,yield,[]}}")) == (
        "hot",
        False,
        1,
    )
    failing = replace(shop, config=replace(shop.config, upgrade=Upgrade(patch=("echo no; exit 7 #",))))
    with pytest.raises(BuildError, match=r"upgrade.patch: 'echo no; exit 7 #' failed:\n.*no\n.*it ended with 7"):
        made(failing, replan=True)


def relup_edit(shop: Workshop, editor: str) -> subprocess.CompletedProcess[str]:
    file = shop.config.file
    build = f'[build]\nhost = {{ name = "local", path = "{shop.config.build.host.path}" }}\n'
    places = f'repository = "{shop.config.repository}"\nstore = "{shop.config.store}"\n'
    file.write_text(f'app = "bell"\n{places}{build}')
    words = ["relup-edit", "--config", str(file), "--from", "0.1.0", "--to", "v0.2.0"]
    line = [sys.executable, "-c", "import sys; from deliver.cli.program import main; sys.argv[0] = 'x'; main()", *words]
    environ = {**os.environ, "EDITOR": editor, "VISUAL": ""}
    return subprocess.run(line, env=environ, text=True, capture_output=True, check=False)


def test_an_appup_in_elixir_is_done_and_an_application_that_hints_name_is_restarted(tmp_path: Path) -> None:
    appup = f"""
    load = {{:load_module, Counter.Protocol}}
    {{"0.2.0",
      [{{"0.1.0", [load, {{:apply, {{:file, :write_file, ['{tmp_path}/elixir', "done"]}}}}]}}],
      [{{"0.1.0", [load]}}]}}
    """
    shop = Workshop.make(tmp_path, "counter")
    shop = replace(shop, config=replace(shop.config, rehearsal=Rehearsal(env=own_ports())))
    ours = tmp_path / "ours"
    (ours / "appups").mkdir(parents=True)
    (ours / "appups/counter.appup.exs").write_text(appup)
    (ours / "upgrade.toml").write_text('restart_applications = ["counter"]\n')
    pair = made(shop, hints=ours)
    assert (pair.verdict, pair.reasons, pair.ended) == ("hot", (), (("counter",),))
    assert (tmp_path / "elixir").read_text() == "done"
    text = relup(shop, pair)
    places = [text.index(f"application,{one},[counter") for one in ("stop", "start")]
    assert places[0] < text.index("{load,{'Elixir.Counter.Protocol',brutal_purge,brutal_purge}}") < places[1]
    (ours / "appups/counter.appup.exs").write_text("nothing_of_this_name()")
    with pytest.raises(BuildError, match=r"counter.appup.exs: Elixir cannot evaluate it: .*nothing_of_this_name"):
        made(shop, hints=ours)
