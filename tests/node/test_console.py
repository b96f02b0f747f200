from __future__ import annotations

import json
import os
import select
import sys
import time

import pytest

from deliver.secret import Secret
from tests.node.releases import COOKIE, Installed, command_lines
from tests.terminal import in_terminal

pytestmark = pytest.mark.slow


CONSOLE = """
import json, sys
from deliver.config.schema import Host
from deliver.node.console import console
from deliver.remote.local import LocalSession
from deliver.report import Silent
host = Host(**json.loads(sys.argv[1]))
sys.exit(console(LocalSession(host.name, Silent()), host, sys.argv[2]))
"""


class Terminal:
    """A terminal with a console in it."""

    def __init__(self, release: Installed) -> None:
        self.heard = b""
        host = release.host
        env = {name: value.reveal if isinstance(value, Secret) else value for name, value in host.env.items()}
        given = {"name": host.name, "address": host.address, "path": host.path, "node": host.node, "env": env}
        argv = [sys.executable, "-c", CONSOLE, json.dumps(given), release.app]
        self.process, self.side = in_terminal(argv, os.environ)

    def type(self, text: str) -> None:
        os.write(self.side, text.encode())

    def hear(self, word: bytes, seconds: float = 20.0) -> None:
        ends = time.monotonic() + seconds
        while word not in self.heard:
            ready, _, _ = select.select([self.side], [], [], max(0.0, ends - time.monotonic()))
            assert ready, f"no {word!r} in {self.heard!r}"
            self.heard += os.read(self.side, 65536)

    def end(self) -> int:
        return self.process.wait(20)


def test_a_console_is_the_release_s_own(mix: Installed) -> None:
    mix.start()
    terminal = Terminal(mix)

    terminal.hear(b"iex(")
    terminal.type("node() |> Atom.to_string() |> String.upcase()\r")
    terminal.hear(mix.host.node.upper().encode())
    terminal.type("\x03")
    terminal.hear(b"(a)bort")
    terminal.type("a\r")

    terminal.end()
    assert mix.facts().node is not None


def test_relx_has_one_too_and_its_templates_stay_as_they_were(relx: Installed) -> None:
    relx.start()
    vm_args = (relx.root / "releases/0.1.0/vm.args").read_text()
    terminal = Terminal(relx)

    terminal.hear(b"1>")
    terminal.type("string:uppercase(atom_to_list(node())).\r\n")
    terminal.hear(relx.host.node.upper().encode())
    terminal.type("\x07q\r")

    os.close(terminal.side)
    terminal.end()
    assert (relx.root / "releases/0.1.0/vm.args").read_text() == vm_args
    assert f"-sname {relx.host.node}" in vm_args


def test_without_a_node_there_is_no_console(mix: Installed) -> None:
    terminal = Terminal(mix)

    terminal.hear(b"nothing to connect to")

    assert terminal.end() == 1
    assert not [words for _, words in command_lines() if COOKIE.encode() in words]
