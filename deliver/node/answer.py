"""What a node answers to Erlang expressions, as `erl_call` or a release's own script prints it."""

from __future__ import annotations

import base64
import binascii
import re

from deliver.errors import NodeError

_ERROR = re.compile(r'^\s*\{error, ?"?(.*?)"?\}\s*$', re.DOTALL)
_CHUNK = re.compile(r'"([A-Za-z0-9+/=]*)"')


def decode(printed: str) -> bytes:
    """Return the bytes that expressions ended with, as base64 in one or more strings: `{ok, ["aGVs", "bG8="]}`.

    Raises:
        NodeError: the expressions failed, or something else was printed.
    """
    failed = _ERROR.match(printed)
    if failed:
        raise NodeError(f"the node could not do it: {failed.group(1)}")
    start = printed.find("{ok,")
    chunks = _CHUNK.findall(printed, start) if start >= 0 else []
    try:
        return base64.b64decode("".join(chunks), validate=True) if chunks else _unreadable(printed)
    except binascii.Error:
        return _unreadable(printed)


def _unreadable(printed: str) -> bytes:
    raise NodeError(f"the node answered something else: {printed.strip()[:400] or 'nothing'}")
