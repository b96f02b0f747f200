"""Every case of the corpus gets its verdict, for its reasons, and goes up, down and up with its probes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deliver.store.store import Store
from deliver.upgrade.flow import Made
from tests.upgrade.once import compiled_once
from tests.upgrades.corpus import Case, Outcome, all_cases

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where cases find what they have in common."""
    with compiled_once():
        yield tmp_path_factory.mktemp("common")


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path, common: Path) -> None:
    told = case.told
    outcome = make(case, tmp_path, common)
    if "error" in told:
        assert re.search(told["error"], outcome.error), outcome
        return
    made = outcome.made
    assert made is not None, outcome
    assert made.pair.verdict == told["verdict"], made.pair.reasons
    assert unmatched(told.get("reasons", []), made.pair.reasons) == [], made.pair.reasons
    if told["verdict"] != "hot":
        assert len(made.pair.reasons) == len(told["reasons"]), made.pair.reasons
    found = [f"{one.level} {one.about}: {one.text}" for one in made.pair.findings]
    assert unmatched(told.get("findings", []), found) == [], found
    check_relup(told, outcome.store, made)


def make(case: Case, path: Path, common: Path) -> Outcome:
    """Make it after all else that this machine runs: it computes much, and nothing of it is measured in time."""
    with ThreadPoolExecutor(1, initializer=os.nice, initargs=(10,)) as pool:  # a thread's own, and its children's
        return pool.submit(case.make, path, common).result()


def check_relup(told: dict[str, list[str]], store: Store, made: Made) -> None:
    if "relup" not in made.pair.files:
        assert not {"up", "down", "never"} & told.keys()
        return
    relup = b"".join(store.read(made.pair.files["relup"])).decode()
    up, down = (without_reasons(way) for way in relup.split("%% Down: "))
    assert unmatched(told.get("up", []), [up]) == [], relup
    assert unmatched(told.get("down", []), [down]) == [], relup
    assert not [one for one in told.get("never", []) if re.search(one, up + down)], relup


def without_reasons(way: str) -> str:
    return "".join(line.strip() for line in way.splitlines() if not line.strip().startswith("%%"))


def unmatched(patterns: list[str], texts: list[str] | tuple[str, ...]) -> list[str]:
    return [one for one in patterns if not any(re.search(one, text) for text in texts)]
