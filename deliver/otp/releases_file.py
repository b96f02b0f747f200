"""The tuple of a release in `releases/RELEASES`, where `release_handler` keeps what it knows of versions."""

from __future__ import annotations

import posixpath
import re

from deliver.errors import TargetError
from deliver.otp.release import Application, Release

#: Stands where the status belongs (`permanent`, `old`, ...); whoever writes the file on a host replaces it.
STATUS = "@STATUS@"

_BARE_ATOM = re.compile(r"[a-z][A-Za-z0-9_@]*")
_PLAIN = re.compile(r"[ !#-&(-\[\]-~]")
# What Erlang reads as something other than an atom.
# fmt: off
_RESERVED = frozenset((
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case",
    "catch", "cond", "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or", "orelse",
    "receive", "rem", "try", "when", "xor",
))
# fmt: on


def term(release: Release, root: str) -> str:
    """Return the tuple of `release` for a RELEASES file, in one line without a full stop.

    Args:
        release: what is or will be installed.
        root: the absolute directory on the host that holds its `lib/`; empty for paths that Erlang takes as
            relative to its own root directory, as `release_handler:create_RELEASES/4` does.

    Raises:
        TargetError: the directory's name is not UTF-8; Erlang would look for another.
    """
    applications = ",".join(_application(one, root) for one in release.applications)
    name, version, erts = (string(text) for text in (release.name, release.version, release.target.erts))
    return f"{{release,{name},{version},{erts},[{applications}],{STATUS}}}"


def string(text: str) -> str:
    """Return `text` as an Erlang string, in ASCII, so that no encoding can change it.

    Raises:
        TargetError: the text is not UTF-8.
    """
    return f'"{_escaped(text)}"'


def atom(text: str) -> str:
    """Return `text` as an Erlang atom, quoted where it has to be.

    Raises:
        TargetError: the text is not UTF-8.
    """
    if _BARE_ATOM.fullmatch(text) and text not in _RESERVED:
        return text
    return f"'{_escaped(text)}'"


def _application(application: Application, root: str) -> str:
    directory = posixpath.join(root, "lib", f"{application.name}-{application.version}")
    return f"{{{atom(application.name)},{string(application.version)},{string(directory)}}}"


def _escaped(text: str) -> str:
    return "".join(char if _PLAIN.fullmatch(char) else _code(char) for char in text)


def _code(char: str) -> str:
    if "\ud800" <= char <= "\udfff":
        raise TargetError(
            "a name that is not UTF-8 cannot be written for Erlang",
            hint="install below a directory whose name is UTF-8",
        )
    return f"\\x{{{ord(char):x}}}"
