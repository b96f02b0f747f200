"""A script that runs on a host: a payload file, with its arguments as shell variables."""

from __future__ import annotations

import gzip
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from deliver.secret import Secret, masked

Argument = str | int | Secret

_COMMENT = re.compile(r"^\s*#(?: .*)?\n", re.MULTILINE)


@dataclass(frozen=True)
class Script:
    """POSIX sh for one host, whole but for its prelude.

    Args:
        name: the payload file it comes from, for messages.
        text: the assignments of its arguments and the payload.
        secrets: what must be masked when the text is shown.
    """

    name: str
    text: str
    secrets: tuple[Secret, ...] = ()

    def shown(self) -> str:
        """Return the text with its secrets masked."""
        # In the script a secret may stand quoted, in other letters than it has.
        quoted = (Secret(shlex.quote(secret.reveal)) for secret in self.secrets)
        return masked(self.text, (*self.secrets, *quoted))

    def wire(self, *, deadline: float, takes_stdin: bool) -> bytes:
        """Return the bytes that a host unpacks and evaluates: on a quiet line a script may be most of what is sent.

        Args:
            deadline: seconds after which the host ends the script by itself.
            takes_stdin: whether stdin carries data for the script; when not, the end of stdin ends the script.
        """
        text = self.whole(deadline=deadline, has_lifeline=not takes_stdin)
        return gzip.compress(text.encode("utf-8", "surrogateescape"), mtime=0)

    def whole(self, *, deadline: float, has_lifeline: bool) -> str:
        """Return the text with the prelude before it.

        Args:
            deadline: seconds after which the script is ended by itself.
            has_lifeline: whether the end of stdin ends the script.
        """
        lifeline = "yes" if has_lifeline else "no"
        return f"deadline={max(1, round(deadline))}\nlifeline={lifeline}\n{bare('prelude.sh')}{self.text}"


def script(name: str, arguments: Mapping[str, Argument] | None = None, *, parts: tuple[str, ...] = ()) -> Script:
    """Return the payload file `name` as a script.

    Args:
        name: a file of `deliver/payload`, e.g. `facts.sh`.
        arguments: shell variables that the payload expects; each is quoted.
        parts: other payload files that stand before it, e.g. a library of functions.
    """
    given = arguments or {}
    secrets = tuple(value for value in given.values() if isinstance(value, Secret))
    lines = [f"{key}={shlex.quote(_plain(value))}\n" for key, value in given.items()]
    bodies = [bare(part) for part in (*parts, name)]
    return Script(name, "".join(lines + bodies), secrets)


@cache
def bare(name: str) -> str:
    """Return a file of `deliver/payload` without the lines that are comments: a third of what would cross."""
    return _COMMENT.sub("", payload(name))


@cache
def payload(name: str) -> str:
    """Return the text of a file of `deliver/payload`."""
    return resources.files("deliver.payload").joinpath(name).read_text("utf-8")


def _plain(value: Argument) -> str:
    return value.reveal if isinstance(value, Secret) else str(value)
