"""What need not be done for each pair of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deliver.config.schema import Config
from deliver.remote.session import Session
from deliver.upgrade import workbench


@contextmanager
def compiled_once() -> Iterator[None]:
    """Compile our own Erlang for the first pair, and use it for all: they have the same build host."""
    beams: dict[str, bytes] = {}
    compiled = workbench._compiled

    def kept(config: Config, session: Session) -> dict[str, bytes]:
        beams.update(beams or compiled(config, session))
        return beams

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbench, "_compiled", kept)
        yield
