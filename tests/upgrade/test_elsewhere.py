"""Rehearsals on a host of an environment, beside the node that runs there."""

from __future__ import annotations

import pytest

from tests.upgrade.desk import Desk

pytestmark = [pytest.mark.hosts, pytest.mark.slow]
REHEARSE = ("build-upgrade", "--with", "0.1.0", "--to", "0.2.0", "--on", "production/prod1")


def test_a_pair_is_rehearsed_beside_a_node_which_does_not_notice(counter: Desk) -> None:
    counter.write_config('[build]\nhost = "local"\n[rehearsal]\nenv = { PORT = "4972" }\n')
    counter.start("0.1.0", "prod1")
    assert counter.ask("prod1", "incr", "version") == ["1", "0.1.0"]
    before = counter.pids("prod1")
    places = sorted(entry.name for entry in counter.root().parent.iterdir())

    done = counter.deliver(*REHEARSE)

    assert (done.code, done.document["verdict"]) == (0, "hot"), done.told
    assert (done.document["rehearsed"], done.document["rehearsed_on"]) == (True, "production/prod1")
    assert counter.pids("prod1") == before
    assert sorted(entry.name for entry in counter.root().parent.iterdir()) == places
    assert counter.ask("prod1", "get", "version") == ["1", "0.1.0"]
    again = counter.deliver(*REHEARSE)
    assert (again.code, again.document["rehearsed"]) == (0, False), again.told


def test_a_host_that_no_environment_has_is_told(counter: Desk) -> None:
    done = counter.deliver(*REHEARSE[:-1], "production/nowhere")
    assert done.code == 64
    assert "no environment has a host called 'production/nowhere'" in done.told
