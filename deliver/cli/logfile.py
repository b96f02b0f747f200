"""The log of one run: everything, with the time of each line."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

#: How many logs of each task are kept.
KEPT = 50


class LogFile:
    """A file that takes lines; nobody but its owner can read it.

    Args:
        path: where it is.
        stream: the open file.
    """

    def __init__(self, path: Path, stream: TextIO) -> None:
        self.path = path
        self._stream = stream

    @classmethod
    def make(cls, directory: Path, task: str) -> LogFile:
        """Begin a log for a run of `task`, and remove the oldest of this task's logs.

        Raises:
            OSError: the directory cannot be written.
        """
        from deliver.rollout.record import hide_from_git  # `--list` keeps no log

        directory.mkdir(parents=True, exist_ok=True)
        hide_from_git(directory.parent)
        for old in sorted(directory.glob(f"*Z.{task}.*.log"))[: -(KEPT - 1)]:
            old.unlink(missing_ok=True)
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        path = directory / f"{now}.{task}.{os.getpid()}.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        stream = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
        return cls(path, stream)

    def write(self, where: str, text: str) -> None:
        """Keep the lines of `text`, which came from `where`."""
        now = datetime.now(timezone.utc).strftime("%H:%M:%S.%f")[:-3]
        self._stream.writelines(f"{now} {where:<12} {line}\n" for line in text.splitlines() or [""])

    def close(self) -> None:
        """Write what is still to be written."""
        self._stream.close()
