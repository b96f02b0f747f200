"""State machines of gen_statem: what OTP does not bring from one version to another. Pure.

A running gen_statem knows its callback mode by heart. It asks for it again only after `code_change/4`, and asks the
code that is loaded then: on the way back that is still the younger one, which alone knows how to change the state.
"""

from __future__ import annotations

from collections.abc import Iterator

from deliver.otp.upgrade.changes import Changes


def restart_reasons(changes: Changes) -> Iterator[str]:
    """Yield why state machines cannot go on in the new release."""
    for name in _other_modes(changes):
        if "code_change/4" not in changes.new_modules[name][1].exports:
            yield f"{name} changes its callback mode, which a running state machine takes over only by code_change/4"


def no_way_back(changes: Changes) -> Iterator[str]:
    """Yield why state machines of the new release cannot go on in the old one."""
    for name in _other_modes(changes):
        yield f"{name} changes its callback mode: OTP would keep the new one under the old code on the way back"


def _other_modes(changes: Changes) -> Iterator[str]:
    for name in sorted(changes.changed):
        before, after = (side[name][1].callback_mode for side in (changes.old_modules, changes.new_modules))
        if before and after and before != after:
            yield name
