"""An SSH agent that has a key, as operators have one."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def agent(key: Path) -> Iterator[None]:
    """For a while, an agent has `key`, and our environment says where it is."""
    told = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    ours = dict(re.findall(r"(SSH_\w+)=([^;]+);", told))
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        subprocess.run(["ssh-add", "-q", key], check=True)
        yield
    finally:
        subprocess.run(["ssh-agent", "-k"], capture_output=True, check=True)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
