"""A command with a terminal of its own, as a person has it."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def in_terminal(
    argv: Sequence[str], environ: Mapping[str, str], directory: Path | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command; return it, and our side of its terminal.

    `pty.fork` would run Python in a copy of a process that has threads, and sometimes hangs there.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *argv], env=environ, cwd=directory, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    return process, ours
