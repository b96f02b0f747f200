from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a deliver.toml."""

    def write(text: str) -> Path:
        file = tmp_path / "deliver.toml"
        file.write_text(text, "utf-8")
        return file

    return write
