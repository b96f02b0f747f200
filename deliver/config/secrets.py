"""Secrets of a configuration: the ones that are missing, and all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from deliver.errors import ConfigError
from deliver.secret import Secret


class MissingSecret(Secret):
    """A secret whose variable or file does not exist here; revealing it is the error.

    A configuration is shared by people who may not all have the secrets of each environment: only its use fails.

    Args:
        error: what to tell whoever needs it.
    """

    def __init__(self, error: ConfigError) -> None:
        object.__setattr__(self, "_error", error)

    @property
    def reveal(self) -> str:
        """The error.

        Raises:
            ConfigError: always.
        """
        error: ConfigError = self._error  # type: ignore[attr-defined]
        raise ConfigError(error.message, hint=error.hint)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def secrets_in(value: Any) -> Iterator[Secret]:
    """Yield every secret in a dataclass, dict or tuple, however deep."""
    if isinstance(value, Secret):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from secrets_in(getattr(value, field.name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from secrets_in(item)


def demand(value: Any) -> None:
    """Make sure that every secret in `value` is there.

    Raises:
        ConfigError: one is missing.
    """
    for secret in secrets_in(value):
        _ = secret.reveal
