"""What a host has that is like the files to send: a stream told from it is little more than what differs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from deliver.otp.manifest import Entry, Manifest
from deliver.ship.paths import for_version, is_tellable, resting_place
from deliver.ship.plan import FOUND, Shipment
from deliver.store.store import Store

#: The most bytes of a host's files that a stream is told from: at its fast levels, zstandard finds nothing in a
#: dictionary but in its last 16 MB; and both sides hold it in memory.
MOST = 16_000_000

_VERSIONED = re.compile(r"(lib/[^/]+?|erts)-\d[^/]*/|(releases)/[^/]+/")


@dataclass(frozen=True)
class Reference:
    """Files of a host, one after the other, that a stream is told from.

    Args:
        paths: relative to the release's directory.
        content: all that is in them.
    """

    paths: tuple[str, ...]
    content: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def reference(
    shipment: Shipment, has: Mapping[str, Manifest], store: Store, *, templates: Collection[str] = ()
) -> Reference | None:
    """Return what a stream with the shipment is told from; None when the host has nothing that is like it.

    Args:
        shipment: what the host lacks.
        has: the manifests of what it has, by version.
        store: what it has not itself is not used: we must know the contents too.
        templates: paths of the configuration's own files; see `plan`.
    """
    pieces: dict[str, bytes] = {}
    if shipment.base is not None:
        text = has[shipment.base].text.encode("utf-8", "surrogateescape")
        pieces[f".deliver/versions/{shipment.base}/manifest"] = text
    left = MOST - sum(map(len, pieces.values()))
    for path, entry in _namesakes(shipment, has, templates):
        if entry.size <= left and path not in pieces and not store.missing([entry.sha256]):
            pieces[path] = b"".join(store.read(entry.sha256))
            left -= entry.size
    return Reference(tuple(pieces), b"".join(pieces.values())) if pieces else None


def _namesakes(
    shipment: Shipment, has: Mapping[str, Manifest], templates: Collection[str]
) -> Iterator[tuple[str, Entry]]:
    """Yield, in the order of the files to send, where the host has one of the same name, and which."""
    versions = sorted(has, key=lambda version: (version == shipment.base, version), reverse=True)
    names = [_by_name(version, has[version], templates) for version in versions]
    for entry in shipment.send:
        found = next((known[name] for known in names if (name := _stem(entry.path)) in known), None)
        if found is not None:
            yield found


def _by_name(version: str, manifest: Manifest, templates: Collection[str]) -> dict[str, tuple[str, Entry]]:
    own = for_version(templates, version)
    return {
        _stem(entry.path): (entry.path if version == FOUND else resting_place(entry.path, version), entry)
        for entry in manifest.entries
        if entry.kind == "file" and entry.path not in own and is_tellable(entry.path)
    }


def _stem(path: str) -> str:
    """Return the path without the version in it: `lib/demo-0.1.0/ebin/demo.beam` is that of any version of it."""
    return _VERSIONED.sub(lambda match: f"{match[1] or match[2]}/", path, count=1)
