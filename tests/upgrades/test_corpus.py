"""Every case of the corpus gets its verdict, for its reasons, and goes up, down and up with its probes."""

from __future__ import annotations

import re

import pytest

from deliver.store.store import Store
from deliver.upgrade.flow import Made
from tests.upgrades.corpus import Case, Runs, all_cases

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_case(case: Case, runs: Runs) -> None:
    told = case.told
    outcome = runs.result(case)
    if "error" in told:
        assert re.search(told["error"], outcome.error), outcome
        return
    made = outcome.made
    assert made is not None, outcome
    assert (made.pair.verdict, unmatched(told.get("reasons", []), made.pair.reasons)) == (told["verdict"], []), made
    if told["verdict"] != "hot":
        assert len(made.pair.reasons) == len(told["reasons"]), made.pair.reasons
    found = [f"{one.level} {one.about}: {one.text}" for one in made.pair.findings]
    assert unmatched(told.get("findings", []), found) == [], found
    check_relup(told, outcome.store, made)


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
