"""What shipping asks a host besides its facts: manifests, what was put there by other means, its cookie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from deliver.node.facts import Facts
from deliver.otp.manifest import Entry, Manifest
from deliver.otp.release import Release
from deliver.remote.script import script
from deliver.remote.session import Session
from deliver.secret import Secret
from deliver.ship.plan import FOUND
from deliver.store.store import Store

#: Seconds for hashing all that lies in a release's directory.
DEADLINE = 300.0

_PARTS = ("lock.sh",)


@dataclass(frozen=True)
class Survey:
    """What a host told.

    Args:
        has: manifests of its versions; under `FOUND` what lies there besides.
        cookie: its Erlang cookie; None when it has none.
        unwritable: the directory in which we may not write, though we must; empty when we may.
        erts: the ERTS version of the host itself; empty when it has none, or was not asked.
        locked: who is at work on it, as JSON; empty when nobody is.
    """

    has: Mapping[str, Manifest] = field(hash=False)
    cookie: Secret | None = None
    unwritable: str = ""
    erts: str = ""
    locked: str = ""


def survey(session: Session, facts: Facts, release: Release, store: Store, cookie: str) -> Survey:
    """Ask a host what `release` needs to know before it is shipped there.

    Args:
        session: an open session to the host.
        facts: what it said of itself.
        release: what is to be installed.
        store: has the manifests that need not be asked for.
        cookie: the file on the host that holds the cookie; empty for none.
    """
    known = _known(facts, store)
    ours = {one.version for one in facts.installed if one.manifest}
    strange = {one.version for one in facts.installed if not one.manifest}
    arguments = {
        "root": facts.root,
        "manifests": "\n".join(sorted(ours - set(known))),
        "inventory": "yes" if strange else "no",
        "cookie": cookie,
        "erts": "no" if release.includes_erts else "yes",
    }
    told = session.run(script("stock.sh", arguments, parts=_PARTS), deadline=DEADLINE)
    return parse(told.facts(), known)


def ask_cookie(session: Session, facts: Facts, cookie: str) -> Secret | None:
    """Return the Erlang cookie of a host, from the file `cookie` there; None when it has none."""
    told = session.run(script("stock.sh", {"root": facts.root, "cookie": cookie}, parts=_PARTS))
    return parse(told.facts(), {}).cookie


def parse(lines: Iterable[tuple[str, list[str]]], known: Mapping[str, Manifest]) -> Survey:
    """Return what `stock.sh` said; `known` are the manifests that it was not asked for."""
    said: dict[str, list[list[str]]] = defaultdict(list)
    for key, values in lines:
        said[key].append(values)
    has = {**known, **dict(_manifests(said["line"]))}
    found = _inventory(said)
    if found.entries:
        has[FOUND] = found
    return Survey(
        has=has,
        cookie=next((Secret(value) for (value,) in said["cookie"] if value), None),
        unwritable=next((place for _, place in said["writable"]), ""),
        erts=next((version for (version,) in said["erts"]), ""),
        locked=next((holder for (holder,) in said["locked"]), ""),
    )


def _known(facts: Facts, store: Store) -> dict[str, Manifest]:
    known: dict[str, Manifest] = {}
    for one in facts.installed:
        manifest = store.manifest_by_digest(one.manifest) if one.manifest else None
        if manifest is not None:
            known[one.version] = manifest
    return known


def _manifests(lines: Iterable[list[str]]) -> Iterator[tuple[str, Manifest]]:
    texts: dict[str, list[str]] = defaultdict(list)
    for version, *line in lines:
        texts[version].append("\t".join(line))
    for version, text in texts.items():
        yield version, Manifest.parse("\n".join([*text, ""]))


def _inventory(said: Mapping[str, list[list[str]]]) -> Manifest:
    pending = [path for (path,) in said["pending"]]
    sums = {"\t".join(path): digest for digest, *path in said["sha"]}
    entries = [*_files(said["mode"], sums), *_links(said["link"])]
    return Manifest(tuple(sorted(entry for entry in entries if not _is_below(entry.path, pending))))


def _files(lines: Iterable[list[str]], sums: Mapping[str, str]) -> Iterator[Entry]:
    for mode, size, *path in lines:
        name = "\t".join(path)
        if name in sums:
            yield Entry(name, "file", int(mode, 8), int(size), sums[name])


def _links(lines: Iterable[list[str]]) -> Iterator[Entry]:
    for path, *rest in lines:
        target = "\t".join(rest)
        digest = sha256(target.encode("utf-8", "surrogateescape")).hexdigest()
        yield Entry(path, "link", 0o777, 0, digest, target)


def _is_below(path: str, directories: Collection[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in directories)
