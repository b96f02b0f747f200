"""Versions of the mill, good and bad ones, for rolls through real hosts."""

from __future__ import annotations

import json
from pathlib import Path

from tests.upgrade.mill import Version, changed
from tests.upgrade.works import Works

#: Milliseconds since the node booted.
_AGE = "element(1, erlang:statistics(wall_clock))"
_SOUND = 'sound() -> "SOUND".'

VERSIONS = (
    Version("0.1.0"),
    Version("0.2.0"),
    # What can only be restarted into.
    Version("0.4.0", vm_args="+P 100000\n"),
    # What crashes as it boots; what boots, and is not well; what is well at first, and not for long.
    Version("2.1.0", changed("mill_app", ("mill_sup:start_link()", "error(no_way)"))),
    Version("2.2.0", changed("mill", (_SOUND, 'sound() -> "sick".'))),
    Version(
        "2.3.0",
        changed("mill", (_SOUND, f'sound() -> case {_AGE} < 1500 of true -> "SOUND"; false -> "sick" end.')),
    ),
)

#: What makes a mill that says so unwell.
HEALTH = """
[environments.production.health]
rpc = 'mill:sound() =/= "sick"'
interval = "100ms"
"""


def make(directory: Path) -> Works:
    """Build the versions, and begin to prove the one pair that is hot."""
    return Works.make(directory, VERSIONS, [("0.1.0", "0.2.0")])


def rolling(**keys: str | int | list[int]) -> str:
    """Return how rolls go in tests: soon."""
    told = {"min_healthy": "200ms", "healthy_deadline": "30s", **keys}
    lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
    return "\n".join(["[environments.production.rolling]", *lines, ""])
