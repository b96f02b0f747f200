"""Following a build while it runs: its steps as they begin and end, and all that it says about its result."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from deliver.remote.who import told
from deliver.report import Report

#: A step that took longer, in seconds, is told again when it ends.
_LONG = 2.0

_DOING = {
    "checkout": "checking out",
    "deps": "getting dependencies",
    "compile": "compiling",
    "release": "assembling the release",
}


@dataclass
class Hearing:
    """Takes what a build says on stdout, and tells its steps.

    Args:
        where: the build host.
        report: hears of the steps.
        steps: seconds that each took.
        toolchain: versions by tool.
        facts: everything else that was said.
        failed: the step that failed, and its exit status.
        refused: why what was built cannot be kept: a kind of reason, and the reason.
        locked: who has the build lock; empty when we got it.
        output: where the release is now.
    """

    where: str
    report: Report
    steps: dict[str, float] = field(default_factory=dict)
    toolchain: dict[str, str] = field(default_factory=dict)
    facts: list[tuple[str, list[str]]] = field(default_factory=list)
    failed: tuple[str, str] | None = None
    refused: tuple[str, str] | None = None
    locked: str = ""
    output: str = ""
    _began: float = 0.0
    _rest: bytes = b""

    def take(self, data: bytes) -> None:
        """Take some more of stdout."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            key, *values = line.decode("utf-8", "surrogateescape").split("\t")
            self._hear(key, values)

    def _hear(self, key: str, values: list[str]) -> None:
        if self._told(key, values):
            return
        match key, values:
            case "toolchain", [tool, version]:
                self.toolchain[tool] = version
            case "failed", [name, status]:
                self.failed = (name, status)
            case "refused", [kind, why]:
                self.refused = (kind, why)
            case "locked", [holder]:
                self.locked = told(holder)
            case "output", [directory]:
                self.output = directory
            case _:
                self.facts.append((key, values))

    def _told(self, key: str, values: list[str]) -> bool:
        match key, values:
            case "step", [name, "begin"]:
                self._began = time.monotonic()
                self.report.step(self.where, _DOING.get(name, f"running the hook {name}"))
            case "step", [name, "end"]:
                self._end(name)
            case "waiting", [holder]:
                self.report.step(self.where, f"waiting for {told(holder)}")
            case "cache", _:
                self.report.step(self.where, "dependencies come from the cache")
            case "warning", [text]:
                self.report.warn(text)
            case _:
                return False
        return True

    def _end(self, name: str) -> None:
        seconds = time.monotonic() - self._began
        self.steps[name] = round(seconds, 2)
        if seconds >= _LONG:
            self.report.step(self.where, f"{name} took {seconds:.1f} s")
