"""Putting our appups into the repository's working tree, where they are the developers' from then on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deliver import source
from deliver.errors import UsageError
from deliver.otp.upgrade.appup_merge import merge

#: Where they are in the repository.
DIRECTORY = Path(".deliver/appups")


def write_appups(repository: Path, texts: Mapping[str, str], *, force: bool = False) -> dict[Path, str]:
    """Write appups, or add their version to those that are there.

    Args:
        repository: a directory of the clone.
        texts: by application.
        force: whether what is there for the same version is replaced.

    Returns:
        By path in the repository: `wrote`, `added to`, or `left`.

    Raises:
        UsageError: there is no working tree, or a file in it is no appup of that version; then nothing is written.
        SourceError: it is no repository.
    """
    top = source.worktree(repository)
    if top is None:
        raise UsageError(
            f"{repository} has no working tree", hint="`appup` without --write shows what would be written"
        )
    merged = {DIRECTORY / f"{app}.appup": text for app, text in texts.items()}
    written: dict[Path, str] = {}
    for path, ours in merged.items():
        present = _read(top / path)
        merged[path] = ours if present is None else merge(str(path), present, ours, force=force)
        written[path] = "wrote" if present is None else "left" if merged[path] == present else "added to"
    for path, state in written.items():
        if state != "left":
            _write(top / path, merged[path])
    return written


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stage = path.with_name(f"{path.name}.new")
        stage.write_text(text, "utf-8")
        stage.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
