"""Release trees of one small application, compiled when a test asks, and our reader of them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import deliver.payload
from deliver.otp.upgrade.facts import Facts, Module, parse

_PAYLOAD = Path(deliver.payload.__file__).parent
_EXPRESSION = 'deliver_read:main([os:getenv("ROOT"), os:getenv("VERSION")]), halt(0)'


@dataclass(frozen=True)
class Answer:
    """How the reader ended, and what it said."""

    status: int
    facts: bytes
    error: str


@dataclass(frozen=True)
class Reader:
    """Our reader, compiled into a directory."""

    beams: Path

    @classmethod
    def make(cls, beams: Path) -> Reader:
        erlc(beams, *(_PAYLOAD / f"{name}.erl" for name in ("deliver_json", "deliver_read")))
        return cls(beams)

    def run(self, root: Path, version: str = "0.1.0") -> Answer:
        """Read a tree as a build host does."""
        line = ["erl", "+S", "2", "-noinput", "-boot", "no_dot_erlang", "-pa", str(self.beams), "-eval", _EXPRESSION]
        given = {**os.environ, "ROOT": str(root), "VERSION": version}
        done = subprocess.run(line, env=given, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        return Answer(done.returncode, done.stdout, done.stderr.decode())

    def facts(self, root: Path, version: str = "0.1.0") -> Facts:
        """Read a tree that can be read."""
        answer = self.run(root, version)
        assert (answer.status, answer.error, answer.facts.count(b"\n")) == (0, "", 1)
        return parse(answer.facts)


@dataclass
class Tree:
    """A release of the application `demo`, in which everything may be changed."""

    reader: Reader
    root: Path
    version: str = "0.1.0"
    keys: str = ""

    def __post_init__(self) -> None:
        self.ebin.mkdir(parents=True)
        self.settings.mkdir(parents=True)
        self.keep(self.settings / "demo.rel", self._rel)
        self.keep(self.ebin / "demo.app", f'{{application, demo, [{{vsn, "{self.version}"}}{self.keys}]}}.\n')

    @property
    def _rel(self) -> str:
        apps = f'[{{demo, "{self.version}"}}]'
        return f'{{release, {{"demo", "{self.version}"}}, {{erts, "13.0"}}, {apps}}}.\n'

    @property
    def lib(self) -> Path:
        return self.root / f"lib/demo-{self.version}"

    @property
    def ebin(self) -> Path:
        return self.lib / "ebin"

    @property
    def settings(self) -> Path:
        """The directory of the release's own files."""
        return self.root / "releases" / self.version

    def keep(self, file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def erlang(self, name: str, text: str, *options: str) -> None:
        """Compile a module; its `-module` stands in a line before the text."""
        source = self.root / f"{name}.erl"
        source.write_text(f"-module({name}).\n{text}\n")
        erlc(self.ebin, source, options=options)

    def elixir(self, text: str) -> None:
        """Compile what an Elixir source defines."""
        source = self.root / "source.ex"
        source.write_text(text)
        _run(["elixirc", "-o", str(self.ebin), str(source)])

    def facts(self) -> Facts:
        return self.reader.facts(self.root, self.version)

    def modules(self) -> dict[str, Module]:
        return dict(self.facts().apps["demo"].modules)

    def error(self) -> str:
        """Read it, which must fail; return what is said in one line."""
        answer = self.reader.run(self.root, self.version)
        assert (answer.status, answer.facts, answer.error.count("\n")) == (1, b"", 1)
        return answer.error.replace(f"{self.root}/", "").rstrip("\n")


def erlc(directory: Path, *sources: Path, options: tuple[str, ...] = ()) -> None:
    """Compile Erlang into a directory."""
    _run(["erlc", *options, "-o", str(directory), *map(str, sources)])


def _run(line: list[str]) -> None:
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
