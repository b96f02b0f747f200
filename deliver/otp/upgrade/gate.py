"""What cannot be upgraded while the node runs, whatever a relup says. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.kinds import changes_state, kind

#: Applications that the running system stands on: theirs is a restart.
FOUNDATION = ("kernel", "stdlib", "sasl", "elixir", "compiler")


def restart_reasons(changes: Changes, told: Collection[str] = ()) -> Iterator[str]:
    """Yield the reasons why a node must be restarted to come from one release to the other.

    Args:
        changes: what differs.
        told: modules of which developers say how they are loaded.
    """
    old, new = changes.old, changes.new
    if old.erts != new.erts:
        yield f"the runtime system changes: ERTS {old.erts} to {new.erts}"
    for name in FOUNDATION:
        before, after = old.apps.get(name), new.apps.get(name)
        if before is not None and after is not None and before.version != after.version:
            yield f"{name} changes from {before.version} to {after.version}, and the running system stands on it"
    if old.vm_args != new.vm_args:
        yield "vm.args changes: its flags are read only when a node boots"
    if old.env_sh != new.env_sh:
        yield "env.sh changes: it is read only when a node boots"
    yield from _native(changes, told)
    yield from _flipped(changes, told)
    for name, mode, other in _modes(changes):
        if not changes_state(changes.new_modules[name][1]):
            yield f"{name} changes its callback mode from {mode} to {other}, and no code_change has OTP ask for it"


def one_way_reasons(changes: Changes) -> Iterator[str]:
    """Yield the reasons why the way up has no way back."""
    for name, before, after in _modes(changes):
        # The younger code changes the state, and OTP asks at once, when the older code is not there yet.
        text = "a process that goes back would call callbacks which the older code does not have"
        yield f"{name} changes its callback mode from {before} to {after}: {text}"


def _modes(changes: Changes) -> Iterator[tuple[str, str, str]]:
    for name in sorted(changes.changed):
        before, after = (side[name][1].mode for side in (changes.old_modules, changes.new_modules))
        if before and after and before != after:
            yield name, before, after


def _native(changes: Changes, told: Collection[str]) -> Iterator[str]:
    for name in sorted((changes.changed | changes.removed) - set(told)):
        versions = [side[name][1] for side in (changes.old_modules, changes.new_modules) if name in side]
        if kind(versions) == "native":
            yield f"{name} loads native code, and changes: nothing says that it can be loaded again"
    for before, after in changes.bumped_apps:
        loaders = {one.name for app in (before, after) for one in app.modules.values() if one.loads_native}
        if before.native != after.native and before.native and not (loaders and loaders <= set(told)):
            yield f"the native libraries of {after.name} change: a running node keeps those it has loaded"


def _flipped(changes: Changes, told: Collection[str]) -> Iterator[str]:
    for name in sorted(changes.changed - set(told)):
        before, after = (kind([side[name][1]]) for side in (changes.old_modules, changes.new_modules))
        if (
            before != after
            and {before, after} & {"supervisor", "dynamic supervisor"}
            and "plain" not in {before, after}
        ):
            yield f"{name} was a {before} and becomes a {after}: a process cannot be turned from one into the other"
