"""Relups that developers change: by a program, or by hand. They are checked for their form, then rehearsed as any."""

from __future__ import annotations

import base64
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

from deliver.errors import BuildError, DeadlineError, DeliverError, UsageError
from deliver.otp.upgrade.plan import Plan
from deliver.remote.pump import failure
from deliver.ship.stream import tar, text_member
from deliver.upgrade.word import Word, ask
from deliver.upgrade.workbench import PATIENCE, Workbench

#: What stands for the relup in messages when a program has changed it.
_PATCHED = "the relup after upgrade.patch"


@dataclass(frozen=True)
class Edited:
    """A relup of a developer's own.

    Args:
        origin: where it is from, for messages.
        text: what it holds.
    """

    origin: str
    text: str


def edited(file: Path) -> Edited:
    """Return the relup that a file holds.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return Edited(str(file), file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the relup {file} cannot be read: {error}") from error


@contextmanager
def editing(name: str, text: str, environ: Mapping[str, str], *, has_terminal: bool = True) -> Iterator[Edited | None]:
    """Give what the operator's editor makes of a relup; None when that is the same.

    When what is done with it fails, its file stays, and the error says where.

    Args:
        name: of the file that the editor opens.
        text: what the file has in it.
        environ: says with VISUAL or EDITOR which editor; else it is `vi`.
        has_terminal: whether `vi` can be used.

    Raises:
        UsageError: there is no such editor, or no terminal for one, or it failed.
    """
    editor = environ.get("VISUAL") or environ.get("EDITOR")
    if not editor and not has_terminal:
        raise UsageError("there is no terminal for an editor", hint="set EDITOR to a program that changes the file")
    file = Path(mkdtemp(prefix="deliver-")) / name
    file.write_text(text, "utf-8")
    try:
        _open(file, editor or "vi")
        found = edited(file).text
        yield None if found == text else Edited("edited by hand", found)
    except DeliverError as error:
        kept = f"what you wrote is in {file}: correct it, and give it to build-upgrade with --relup"
        error.hint = "; ".join(filter(None, [error.hint, kept]))
        raise
    file.unlink()
    file.parent.rmdir()


def _open(file: Path, editor: str) -> None:
    try:
        status = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
    except (OSError, ValueError) as error:
        raise UsageError(f"the editor {editor!r} cannot be started: {error}", hint="set VISUAL or EDITOR") from error
    if status != 0:
        raise UsageError(f"the editor {editor!r} ended with {status}: nothing is changed")


def patched(bench: Workbench, word: Word, plan: Plan, text: str) -> str:
    """Return a relup as the programs of `upgrade.patch` leave it.

    Raises:
        BuildError: one of them failed; with its own words.
    """
    for command in bench.config.upgrade.patch:
        text = _run(bench, word, plan, command, text)
    return text


def _run(bench: Workbench, word: Word, plan: Plan, command: str, text: str) -> str:
    arguments = {
        "place": bench.place,
        "root": bench.root,
        "from": plan.old.version,
        "to": plan.new.version,
        "command": command,
    }
    made = bench.script("upgrade_patch.sh", arguments)
    members = [text_member(name, held, 0o755) for name, held in word.patch_files.items()]
    done = bench.session.run(made, stdin=tar([*members, text_member("relup", text)]), deadline=PATIENCE, check=False)
    if done.status != 0:
        error = failure(bench.session.name, made, done.status, done.stderr)
        said = f":\n{done.stderr.strip()}" if not isinstance(error, DeadlineError) else f": {error.message}"
        raise BuildError(
            f"upgrade.patch: {command!r} failed{said}", hint="it gets the relup's path as its last argument"
        )
    return base64.b64decode(dict(done.facts())["relup"][0]).decode("utf-8", "replace")


def applied(bench: Workbench, word: Word, plan: Plan, text: str) -> tuple[str, Plan]:
    """Return our relup as developers' programs leave it, and what to expect of it.

    Raises:
        BuildError: a program failed, or left what is no relup of this pair.
    """
    changed = patched(bench, word, plan, text)
    return (text, plan) if changed == text else (changed, checked(bench, plan, Edited(_PATCHED, changed)))


def checked(bench: Workbench, plan: Plan, edited: Edited) -> Plan:
    """Return what to expect of a relup that is not ours.

    Raises:
        BuildError: it is no relup of this pair.
    """
    told = ask(bench, plan.old.version, plan.new.version, {"relup": "relup"}, {"relup": edited.text})["relup"]
    if "problem" in told:
        raise BuildError(f"{edited.origin}: {told['problem']}", hint="see relup(5); `relup-show` shows the one we have")
    ended = tuple(tuple(path) for path in told["ended"])
    return replace(plan, modules=tuple(told["modules"]), ended=tuple(dict.fromkeys((*plan.ended, *ended))))
