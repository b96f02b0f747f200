"""Real releases for the store: made by mix and rebar3, small, and without anything from the network."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

_REBAR_CONFIG = """\
{relx, [{release, {demo, "0.1.0"}, [demo, sasl]}, {mode, prod}, {extended_start_script, true}]}.
"""
_APP = '{application, demo, [{vsn, "0.1.0"}, {mod, {demo, []}}, {applications, [kernel, stdlib]}, {registered, []}]}.\n'
_MODULE = """\
-module(demo).
-behaviour(supervisor).
-export([start/2, stop/1, init/1]).
start(_, _) -> supervisor:start_link(?MODULE, []).
stop(_) -> ok.
init([]) -> {ok, {#{}, []}}.
"""


def mix(directory: Path) -> Path:
    """Make a mix project, its release and its archive; return the release's directory, with the archive beside it."""
    run(["mix", "new", "--sup", "--app", "demo", str(directory)])
    project = directory / "mix.exs"
    text = project.read_text().replace("deps: deps()", "deps: deps(), releases: [demo: [steps: [:assemble, :tar]]]")
    project.write_text(text)
    run(["mix", "release"], cwd=directory)
    return directory / "_build/prod/rel/demo"


def rebar3(directory: Path) -> Path:
    """Make a rebar3 project, its release and its archive; return the release's directory, with the archive in it."""
    (directory / "src").mkdir(parents=True)
    (directory / "rebar.config").write_text(_REBAR_CONFIG)
    (directory / "src/demo.app.src").write_text(_APP)
    (directory / "src/demo.erl").write_text(_MODULE)
    run(["rebar3", "tar"], cwd=directory)
    return directory / "_build/default/rel/demo"


def run(command: list[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run a command to its end; return what it wrote."""
    given = {**os.environ, "MIX_ENV": "prod", **(environment or {})}
    # Not a pipe: a node that the command leaves behind would keep it open.
    with tempfile.TemporaryFile("w+") as out:
        done = subprocess.run(command, cwd=cwd, env=given, stdout=out, stderr=out, timeout=120, check=False)
        out.seek(0)
        said = out.read()
    assert done.returncode == 0, f"{command}:\n{said}"
    return said
