"""What the developers of an application know better than any rule. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Purge = Literal["soft", "brutal"]


@dataclass(frozen=True)
class Hints:
    """The developers' words on an upgrade.

    Args:
        purge: by module: `soft` keeps processes that run old code, and the upgrade is refused while there are any;
            `brutal` kills them.
        timeout: by module: milliseconds to wait for each of its processes to be held.
        extra: by module: the Erlang term that `code_change` gets as its last argument.
    """

    purge: Mapping[str, Purge] = field(default_factory=dict)
    timeout: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
