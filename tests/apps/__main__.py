"""A repository for a person at a terminal: `python -m tests.apps APPLICATION PATH MORE TAG...`.

MORE is a directory whose files the repository has besides the application's own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.apps import make_repository


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    if len(arguments) < 4:
        sys.stderr.write(f"{__doc__}\n")
        return 64
    app, path, more, *tags = arguments
    files = {file.name: file.read_text() for file in Path(more).iterdir()}
    make_repository(Path(path), app, tags, files=files)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
