"""What a module is to a running node, decided from both of its versions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from deliver.otp.upgrade.facts import Module

Kind = Literal["supervisor", "dynamic supervisor", "server", "native", "plain"]

_SUPERVISORS = {"supervisor", "Elixir.Supervisor"}
_DYNAMIC_SUPERVISORS = {"Elixir.DynamicSupervisor", "Elixir.PartitionSupervisor"}
_SERVERS = {"gen_server", "gen_statem", "gen_event", "gen_fsm", "Elixir.GenServer", "Elixir.GenEvent"}
_CODE_CHANGES = {"code_change/3", "code_change/4", "system_code_change/4"}


def kind(versions: Iterable[Module], callbacks: frozenset[str] = frozenset()) -> Kind:
    """Return what a module is.

    Args:
        versions: the old and the new one, or the only one.
        callbacks: modules that processes of the booted releases were seen to run as their callback modules.
    """
    all_versions = list(versions)
    behaviours = {name for module in all_versions for name in module.behaviours}
    if any(module.loads_native for module in all_versions):
        return "native"
    if behaviours & _SUPERVISORS:
        return "supervisor"
    if behaviours & _DYNAMIC_SUPERVISORS:
        return "dynamic supervisor"
    if behaviours & _SERVERS or any(_is_special(module) or module.name in callbacks for module in all_versions):
        return "server"
    return "plain"


def is_supervisor(module: Module) -> bool:
    """Return whether a version of a module is a supervisor's callback module."""
    return bool(_SUPERVISORS & set(module.behaviours))


def changes_state(module: Module) -> bool:
    """Return whether a version of a module can be asked to change a state: only such may be."""
    return bool(_CODE_CHANGES & set(module.exports))


def _is_special(module: Module) -> bool:
    return "system_code_change/4" in module.exports
