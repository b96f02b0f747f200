"""Runs one case of the corpus, and writes what came of it: `python -m tests.upgrades CASE DIRECTORY`."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from tests.upgrades.corpus import CASES, Case

if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(Case(CASES / sys.argv[1]).make(Path(sys.argv[2]))))
