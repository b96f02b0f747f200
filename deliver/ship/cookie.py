"""The Erlang cookie: one for each environment, kept where hosts have it, given to those that lack it."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from deliver.node.facts import Facts
from deliver.otp.manifest import Manifest
from deliver.otp.release import Release
from deliver.secret import Secret
from deliver.store.store import Store

LENGTH = 56
_ALPHABET = string.ascii_uppercase + string.digits + string.ascii_lowercase
_SET_BY_ARGUMENT = re.compile(rb"^\s*-setcookie\s", re.MULTILINE)


@dataclass(frozen=True)
class Cookies:
    """Who gets which cookie.

    Args:
        given: by host, also for those that have it: what a push that was killed has left may be taken back.
        replaces: whether a host's cookie gives way to the given one.
        warnings: what the operator should know.
    """

    given: Mapping[str, Secret] = field(hash=False)
    replaces: bool = False
    warnings: tuple[str, ...] = ()


def place(release: Release, manifest: Manifest, store: Store, facts: Facts) -> str:
    """Return the file on a host from which a release takes its cookie; empty when it names one in its `vm.args`."""
    if release.kind == "mix" or f"releases/{release.version}/env.sh" in manifest.by_path:
        return f"{facts.root}/releases/COOKIE"
    for name in ("vm.args", "vm.args.src"):
        entry = manifest.by_path.get(f"releases/{release.version}/{name}")
        if entry is not None and _SET_BY_ARGUMENT.search(b"".join(store.read(entry.sha256))):
            return ""
    return f"{facts.home}/.erlang.cookie"


def decide(
    configured: Secret | None,
    has: Mapping[str, Secret | None],
    *,
    elsewhere: Secret | None = None,
    shared: bool = False,
) -> Cookies:
    """Return who gets which cookie.

    Args:
        configured: the environment's cookie, by the configuration.
        has: the cookies of the hosts that are deployed to.
        elsewhere: one that another host of the environment has.
        shared: whether the hosts' files serve other nodes of the same user too, and so must stay.
    """
    if configured is not None:
        return _configured(configured, has, shared=shared)
    found = [cookie for cookie in has.values() if cookie is not None]
    cookie = found[0] if found else elsewhere or fresh()
    given = {host: own or cookie for host, own in has.items()}
    return Cookies(given, warnings=_differing(has))


def fresh() -> Secret:
    """Return a cookie that nobody has."""
    return Secret("".join(secrets.choice(_ALPHABET) for _ in range(LENGTH)))


def _configured(cookie: Secret, has: Mapping[str, Secret | None], *, shared: bool) -> Cookies:
    other = [host for host, own in has.items() if own not in {None, cookie}]
    if shared:
        given = {host: own or cookie for host, own in has.items()}
        what = "which other nodes of that user may need, is kept: name it in vm.args (-setcookie)"
    else:
        given = dict.fromkeys(has, cookie)
        what = "gives way to the configured one: a node takes it when it starts"
    warnings = (f"another cookie of {', '.join(other)} {what}",) if other else ()
    return Cookies(given, replaces=not shared, warnings=warnings)


def _differing(has: Mapping[str, Secret | None]) -> tuple[str, ...]:
    groups: dict[str, list[str]] = {}
    for host, cookie in has.items():
        if cookie is not None:
            groups.setdefault(cookie.reveal, []).append(host)
    if len(groups) <= 1:
        return ()
    shown = "; ".join(", ".join(hosts) for hosts in groups.values())
    return (f"hosts have different Erlang cookies, and their nodes cannot talk to each other: {shown}",)
