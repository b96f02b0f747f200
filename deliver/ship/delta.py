"""A manifest told from another one that the host has: a few lines in place of thousands. `install.sh` applies it."""

from __future__ import annotations

from collections.abc import Iterator

from deliver.otp.manifest import Entry, Manifest


def delta(new: Manifest, base: Manifest | None) -> str:
    """Return how to make the text of `new` from that of `base`, as lines of fields that a tab divides.

    `= FROM TO` takes these lines of the base (counted from 1), `~ LINE PATH` takes one with another path,
    `+ LINE` is a line itself.
    """
    old = base.text.split("\n")[:-1] if base is not None else []
    numbers = {line: number for number, line in enumerate(old, 1)}
    contents = {_content(entry): number for number, entry in enumerate(base.entries if base else (), 2)}
    lines = [(new.text.partition("\n")[0], None), *((entry.line(), entry) for entry in new.entries)]
    steps = (_step(line, entry, numbers, contents) for line, entry in lines)
    return "".join(f"{step}\n" for step in _joined(steps))


def _step(
    line: str, entry: Entry | None, numbers: dict[str, int], contents: dict[tuple[str, int, str], int]
) -> int | str:
    if line in numbers:
        return numbers[line]
    if entry is not None and entry.kind == "file" and _content(entry) in contents:
        return f"~\t{contents[_content(entry)]}\t{entry.path}"
    return f"+\t{line}"


def _content(entry: Entry) -> tuple[str, int, str]:
    return entry.kind, entry.mode, entry.sha256


def _joined(steps: Iterator[int | str]) -> Iterator[str]:
    first = last = 0
    for step in steps:
        if isinstance(step, int) and step == last + 1 and first:
            last = step
            continue
        if first:
            yield f"=\t{first}\t{last}"
        first = last = step if isinstance(step, int) else 0
        if isinstance(step, str):
            yield step
    if first:
        yield f"=\t{first}\t{last}"
