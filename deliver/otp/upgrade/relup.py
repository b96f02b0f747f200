"""The relup of a plan, as text: what `release_handler` reads, with the reason for each instruction. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from deliver.otp.releases_file import string
from deliver.otp.upgrade.plan import Plan
from deliver.otp.upgrade.way import Step

_WIDTH = 112
_INDENT = " " * 6


def render(plan: Plan) -> str:
    """Return the relup that belongs beside the new release: one way up to it, and one back."""
    old, new = plan.old.version, plan.new.version
    head = f"%% {plan.new.name}: from {old} to {new}, and back. Read by release_handler; see relup(5).\n"
    up = _way(f"Up: {old} becomes {new}.", old, plan.up)
    down = _way(f"Down: {new} becomes {old} again.", old, plan.down)
    return f"{head}{{{string(new)},\n{up},\n{down}}}.\n"


def _way(title: str, version: str, steps: Sequence[Step]) -> str:
    body = "\n".join(_lines(steps))
    return f"  %% {title}\n  [{{{string(version)}, [],\n    [\n{body}\n    ]}}]"


def _lines(steps: Sequence[Step]) -> Iterator[str]:
    marked = list(_marked(steps))
    for number, step in enumerate(marked):
        if step.why:
            yield from textwrap.wrap(
                f"{step.why}", _WIDTH, initial_indent=f"{_INDENT}%% ", subsequent_indent=f"{_INDENT}%% "
            )
        yield f"{_INDENT}{step.text}{',' if number < len(marked) - 1 else ''}"


def _marked(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps, with a mark wherever processes are held or go on: how long they stood is told."""
    for step in steps:
        held = step.text.startswith("{suspend,")
        if held:
            yield Step(_mark("held", step.text), step.why)
        yield Step(step.text) if held else step
        if step.text.startswith("{resume,"):
            yield Step(_mark("go_on", step.text))


def _mark(what: str, text: str) -> str:
    modules = text.partition(",")[2].removesuffix("}")
    return f"{{apply,{{deliver_relup,mark,[{what},{modules}]}}}}"
