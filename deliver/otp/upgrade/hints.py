"""What the developers of an application know better than any rule. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from deliver.errors import ConfigError
from deliver.otp.upgrade.pair import Finding
from deliver.otp.upgrade.tree import Path, Tree, spoken

Purge = Literal["soft", "brutal"]
Timeout = int | Literal["infinity"]


@dataclass(frozen=True)
class Hints:
    """The developers' words on an upgrade.

    Args:
        origin: the file they are from, for messages; empty for none.
        purge: by module: `soft` keeps processes that run old code, and the upgrade is refused while there are any;
            `brutal` kills them.
        timeout: by module: milliseconds to wait for each of its processes to be held.
        extra: by module: the Erlang term that `code_change` gets as its last argument.
        after: by module: modules that are loaded before it.
        skip: modules that are not loaded: the node goes on with the code that it has.
        before_upgrade: calls, each `{Module,Function,Arguments}`, before anything is changed on the way up.
        after_upgrade: calls when all of it is done.
        before_downgrade: calls before anything is changed on the way down.
        after_downgrade: calls when all of it is done.
        restart_children: children that are restarted, as people read their places: `demo / Demo.Cache`.
        restart_changed: whether all children are whose child specs change.
        restart_applications: applications that are stopped before, and started after their modules are loaded.
        nif_upgrade_ok: modules with native code that can be loaded again.
        used: what the file says for this pair, a line for each key.
    """

    origin: str = ""
    purge: Mapping[str, Purge] = field(default_factory=dict)
    timeout: Mapping[str, Timeout] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    skip: Sequence[str] = ()
    before_upgrade: Sequence[str] = ()
    after_upgrade: Sequence[str] = ()
    before_downgrade: Sequence[str] = ()
    after_downgrade: Sequence[str] = ()
    restart_children: Sequence[str] = ()
    restart_changed: bool = False
    restart_applications: Sequence[str] = ()
    nif_upgrade_ok: Sequence[str] = ()
    used: Sequence[str] = ()

    def calls(self, when: Literal["before", "after"], *, is_up: bool) -> Sequence[str]:
        """Return what is called before or after one way."""
        if when == "before":
            return self.before_upgrade if is_up else self.before_downgrade
        return self.after_upgrade if is_up else self.after_downgrade

    def findings(self) -> Iterator[Finding]:
        """Yield what was used, for the record of the pair."""
        yield from (Finding("note", self.origin, line) for line in self.used)
        for name in self.skip:
            yield Finding("warning", name, f"is not loaded, as {self.origin} says: the node goes on with its old code")

    def restarts(self, old: Tree, new: Tree, changed: Sequence[Path]) -> tuple[Path, ...]:
        """Return the places of the children that are restarted, in the new tree's order.

        Args:
            old: the tree before.
            new: the tree after.
            changed: the places of children whose child specs change.

        Raises:
            ConfigError: one is named that is not in both trees.
        """
        before = {one.path for one in old.processes if not one.dynamic}
        both = [one.path for one in new.processes if not one.dynamic and one.path in before and len(one.path) > 1]
        wanted = {path for path in both if spoken(path) in self.restart_children}
        unknown = set(self.restart_children) - {spoken(path) for path in wanted}
        if unknown:
            known = ", ".join(f'"{spoken(path)}"' for path in both[:20]) or "none"
            raise ConfigError(
                f"{self.origin}: restart_children: no child of both releases is at {min(unknown)!r}",
                hint=f"there are: {known}",
            )
        return tuple(path for path in both if path in wanted or (self.restart_changed and path in changed))
