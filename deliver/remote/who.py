"""Who is at work, as hosts are told: the holder of a lock, the author of a line in the journal."""

from __future__ import annotations

import getpass
import json
import os
import socket
from datetime import datetime, timezone


def me() -> str:
    """Return `user@machine`."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def journal_name() -> str:
    """Return `me` as the inside of a JSON string."""
    return json.dumps(me())[1:-1]


def holder(action: str, version: str) -> str:
    """Return what the lock of a host tells of its holder, as JSON in one line."""
    return json.dumps(
        {
            "who": getpass.getuser(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "action": action,
            "version": version,
            "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
    )


def told(document: str) -> str:
    """Return a holder's JSON in words; whoever wrote it, something is said."""
    try:
        known = json.loads(document)
        pid, since = known.get("pid", "?"), known.get("since", "?")
        what = f"{known.get('action', 'work')} {known.get('version', '')}".strip()
        return f"{known['who']}@{known['host']} ({what}, process {pid}, since {since})"
    except (ValueError, KeyError, TypeError, AttributeError):
        return document or "somebody"
