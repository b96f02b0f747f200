"""The lock of an environment: who gets it, who is told what, and how it is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Environment, Host, Ssh
from deliver.errors import LockedError, UnreachableError
from deliver.remote.who import ci_page
from deliver.rollout import lock as locking
from deliver.rollout import lock_keeper
from deliver.rollout.lock import Holder
from tests.hosts import Fleet
from tests.rollout.locks import APP, Operator, directories, kill_keeper, lock_of, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Callable[[], Operator]]:
    """Return a function that makes operators of one environment."""
    with ExitStack() as stack:
        yield lambda: Operator(directories(tmp_path), stack)


@pytest.fixture
def anna(people: Callable[[], Operator]) -> Operator:
    return people()


@pytest.fixture
def bert(people: Callable[[], Operator]) -> Operator:
    return people()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, whoever asks is another person."""
    monkeypatch.setattr(locking, "me", lambda: "bert@elsewhere")


def test_it_is_free_again_after_the_roll(anna: Operator, bert: Operator, tmp_path: Path) -> None:
    with anna.holds() as lock:
        assert lock.host == "a"
        assert lock_of(tmp_path, "a").exists()
        lock.check()
    assert not lock_of(tmp_path, "a").exists()
    with bert.holds() as lock:
        lock.check()
    assert anna.told.warnings == bert.told.warnings == []


def test_who_meets_it_is_told_everything_of_its_holder(anna: Operator, bert: Operator) -> None:
    holder = Holder("release", "0.2.0", message="hotfix, 'quoted'", who="anna@laptop", ci="https://ci.example.com/1")
    with anna.holds(holder), pytest.raises(LockedError) as met, bert.holds():
        pass
    assert met.value.code == 75
    first, *rest = met.value.message.splitlines()
    shown = rf"production is locked, on a, by anna@laptop \(release 0\.2\.0, process {os.getpid()}, since "
    assert re.fullmatch(shown + r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, \d+ s ago\)", first)
    assert rest == ["message: hotfix, 'quoted'", "CI job: https://ci.example.com/1"]
    assert "--lock-wait" in met.value.hint
    assert "invoke unlock --on production --force --reason" in met.value.hint


def test_of_many_at_once_one_gets_it(people: Callable[[], Operator]) -> None:
    over, outcomes = threading.Event(), []

    def roll() -> None:
        try:
            with people().holds():
                outcomes.append("held")
                over.wait(60)
        except LockedError:
            outcomes.append("locked")

    crowd = [threading.Thread(target=roll) for _ in range(5)]
    for one in crowd:
        one.start()
    until(lambda: len(outcomes) == 5)
    over.set()
    for one in crowd:
        one.join()
    assert sorted(outcomes) == ["held", *["locked"] * 4]


def test_who_waits_gets_it_when_it_is_free(anna: Operator, bert: Operator) -> None:
    ready, gone = threading.Event(), threading.Event()

    def roll() -> None:
        with anna.holds(Holder("release", who="anna@laptop")):
            ready.set()
            until(lambda: bert.told.steps)
            gone.set()

    thread = threading.Thread(target=roll)
    thread.start()
    assert ready.wait(60)
    with bert.holds(wait=60.0) as lock:
        assert gone.is_set()
        lock.check()
    thread.join()
    (step,) = bert.told.steps
    assert step.startswith("a: waiting for the lock of production: anna@laptop")


def test_another_environment_of_the_same_hosts_has_its_own(anna: Operator, bert: Operator) -> None:
    bert.environment = replace(bert.environment, name="production.2")
    with anna.holds() as lock, bert.holds() as other:
        lock.check()
        other.check()


def test_lock_hosts_say_where_it_is(anna: Operator, tmp_path: Path) -> None:
    anna.environment = replace(anna.environment, lock_hosts=("c", "b"))
    with anna.holds() as lock:
        assert lock.host == "c"
        assert lock_of(tmp_path, "c").exists()


def test_the_lock_of_a_script_that_was_killed_is_taken_over(anna: Operator, bert: Operator, tmp_path: Path) -> None:
    with anna.holds() as lock:
        kill_keeper(lock_of(tmp_path, "a"))
        with bert.holds() as other:
            other.check()
            with pytest.raises(LockedError, match="is not ours any more: production is locked, on a"):
                lock.check()


def test_busybox_is_enough(anna: Operator, bert: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tools").mkdir()
    subprocess.run(["busybox", "--install", "-s", str(tmp_path / "tools")], check=True)
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    with anna.holds() as lock:
        with pytest.raises(LockedError), bert.holds():
            pass
        lock.check()
        bert.free("enough")
        with pytest.raises(LockedError, match="enough"):
            lock.check()
    bert.leave("by hand")
    anna.free()
    monkeypatch.setattr(locking, "SILENCE", 1)
    monkeypatch.setattr(lock_keeper, "BEAT", 60.0)
    with anna.holds():
        until(lambda: not lock_of(tmp_path, "a").exists())


# Taken away


def test_a_lock_that_is_forced_stops_the_roll_and_tells_it_who_and_why(
    anna: Operator, bert: Operator, tmp_path: Path
) -> None:
    with anna.holds() as lock:
        with pytest.raises(LockedError, match="process"):
            bert.free()
        lock.check()
        (found,) = bert.free('it hangs, since "monday"')
        assert found.holder == lock.holder
        for _ in range(2):
            with pytest.raises(LockedError, match=r"took it away at .*: it hangs, since \"monday\"") as lost:
                lock.check()
            assert lost.value.code == 75
        with bert.holds() as other:
            lock.release()
            other.check()
    line = (tmp_path / "a" / APP / ".deliver" / "journal").read_text().splitlines()[-1]
    entry = json.loads(line)
    assert (entry["action"], entry["outcome"], entry["reason"]) == ("unlock", "forced", 'it hangs, since "monday"')


def test_nothing_to_unlock_is_no_error(anna: Operator) -> None:
    assert anna.free() == []


# A person's


def test_a_person_keeps_it_without_a_process(anna: Operator, bert: Operator, tmp_path: Path) -> None:
    assert anna.leave("we are moving") == "a"
    for session in anna.sessions.values():
        session.close()
    with pytest.raises(LockedError, match=r"by hand, since .*\nmessage: we are moving") as met, bert.holds():
        pass
    assert met.value.hint == "it is yours: invoke unlock --on production"
    assert [found.holder.message for found in bert.free()] == ["we are moving"]
    with bert.holds() as lock:
        lock.check()
    actions = [json.loads(line) for line in (tmp_path / "a" / APP / ".deliver" / "journal").read_text().splitlines()]
    assert [(one["action"], one["outcome"]) for one in actions] == [("lock", "ok"), ("unlock", "ok")]


def test_a_person_may_say_it_anew(anna: Operator) -> None:
    anna.leave("we are moving")
    anna.leave("we are still moving")
    assert [found.holder.message for found in anna.free()] == ["we are still moving"]


def test_a_person_cannot_lock_what_a_roll_has(anna: Operator, bert: Operator) -> None:
    with anna.holds() as lock:
        with pytest.raises(LockedError):
            bert.leave("stop")
        lock.check()


@pytest.mark.usefixtures("elsewhere")
def test_another_person_needs_force(anna: Operator, bert: Operator) -> None:
    anna.leave("we are moving")
    with pytest.raises(LockedError, match="we are moving") as met:
        bert.free()
    assert "--force --reason" in met.value.hint
    with pytest.raises(LockedError):
        bert.leave("mine")
    assert len(bert.free("they moved")) == 1


# Lock hosts that come and go


def test_a_lock_host_that_is_away_is_told_of_and_the_next_has_it(anna: Operator, tmp_path: Path) -> None:
    anna.unreachable = {"a"}
    with anna.holds() as lock:
        assert lock.host == "b"
        lock.check()
    assert anna.told.warnings == ["the lock is not looked for on a, which does not answer: a does not answer"]
    assert not lock_of(tmp_path, "a").exists()


def test_a_lock_is_met_on_a_later_host(anna: Operator, bert: Operator, tmp_path: Path) -> None:
    anna.unreachable = {"a", "b"}
    with anna.holds() as lock:
        with pytest.raises(LockedError, match="production is locked, on c"), bert.holds():
            pass
        assert not lock_of(tmp_path, "a").exists()
        with pytest.raises(LockedError, match="on c"):
            bert.free()
        lock.check()
        assert [found.host for found in bert.free("enough")] == ["c"]
        with pytest.raises(LockedError, match="took it away"):
            lock.check()


def test_without_any_lock_host_there_is_no_lock(anna: Operator) -> None:
    anna.unreachable = {"a", "b", "c"}
    with pytest.raises(UnreachableError, match="no host that may keep the lock of production answers"), anna.holds():
        pass


# A connection that is lost


def test_a_lost_connection_is_mended(anna: Operator, bert: Operator) -> None:
    with anna.holds() as lock:
        anna.sessions["a"].close()
        lock.check()
        assert [one for one in anna.told.warnings if "taking the lock of production again" in one]
        with pytest.raises(LockedError), bert.holds():
            pass
        lock.check()
        assert lock.host == "a"
    assert anna.free() == []


def test_a_keeper_that_is_still_there_is_the_same_holder(anna: Operator, bert: Operator) -> None:
    with anna.holds() as lock, bert.holds(lock.holder) as again:
        again.check()
    with bert.holds():
        pass


def test_the_next_lock_host_takes_over_from_one_that_went_away(anna: Operator, bert: Operator, tmp_path: Path) -> None:
    with anna.holds() as lock:
        anna.unreachable = {"a"}
        anna.sessions["a"].close()
        lock.check()
        assert lock.host == "b"
        with pytest.raises(LockedError, match="on b"), bert.holds():
            pass
    assert not lock_of(tmp_path, "b").exists()


def test_a_lock_that_somebody_has_meanwhile_is_lost(anna: Operator, bert: Operator) -> None:
    with anna.holds() as lock:
        anna.sessions["a"].close()
        with bert.holds(Holder("release", who="bert@elsewhere")) as other:
            with pytest.raises(LockedError, match="not ours any more: production is locked, on a, by bert@elsewhere"):
                lock.check()
            other.check()


@pytest.mark.parametrize("gone", [set(), {"a"}])
def test_a_lock_that_somebody_had_meanwhile_is_lost(anna: Operator, bert: Operator, gone: set[str]) -> None:
    with anna.holds() as lock:
        anna.unreachable = bert.unreachable = gone
        anna.sessions["a"].close()
        with bert.holds():
            pass
        with pytest.raises(LockedError, match="somebody else may have had it meanwhile"):
            lock.check()
    with bert.holds():
        pass


def test_a_host_that_hears_nothing_frees_it(
    anna: Operator, bert: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lock_keeper, "BEAT", 60.0)
    monkeypatch.setattr(locking, "SILENCE", 1)
    with anna.holds() as lock:
        until(lambda: not lock_of(tmp_path, "a").exists())
        with bert.holds(), pytest.raises(LockedError):
            lock.check()


def test_a_host_that_hears_something_keeps_it(anna: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lock_keeper, "BEAT", 0.2)
    monkeypatch.setattr(locking, "SILENCE", 1)
    with anna.holds() as lock:
        time.sleep(2.2)
        assert lock_of(tmp_path, "a").exists()
        lock.check()
    assert anna.told.warnings == []


# The CI job

JOBS = {
    "https://gitlab.example.com/demo/-/jobs/7": {"CI_JOB_URL": "https://gitlab.example.com/demo/-/jobs/7"},
    "https://github.com/us/demo/actions/runs/7": {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "us/demo",
        "GITHUB_RUN_ID": "7",
    },
    "https://jenkins.example.com/job/demo/7/": {"BUILD_URL": "https://jenkins.example.com/job/demo/7/"},
    "https://dev.azure.com/us/demo/_build/results?buildId=7": {
        "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://dev.azure.com/us/",
        "SYSTEM_TEAMPROJECT": "demo",
        "BUILD_BUILDID": "7",
    },
    "": {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "", "CI": "true"},
}


@pytest.mark.parametrize(("page", "environ"), JOBS.items(), ids=lambda one: one if isinstance(one, str) else "")
def test_the_page_of_a_ci_job_is_known_by_its_environment(page: str, environ: dict[str, str]) -> None:
    assert ci_page(environ) == page


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"pid": "x"}', '{"who": null}', "{}"])
def test_whatever_a_lock_says_it_is_somebodys(text: str) -> None:
    assert Holder.read(text).told()


def test_a_holder_is_read_as_it_was_written() -> None:
    holder = Holder("release", "0.2.0", message="tab\tand\nline")
    assert Holder.read(holder.document()) == holder
    assert "\n" not in holder.document()


# Over SSH

OPERATOR = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from deliver.config.schema import Environment, Host, Ssh
from tests.rollout.locks import Operator
config, *names = sys.argv[1:]
environment = Environment("production", tuple(Host(name, path="/srv") for name in names))
with ExitStack() as stack, Operator(environment, stack, Ssh(config=Path(config))).holds() as lock:
    print(lock.host, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[Fleet]:
    """Two hosts of this module's own: its tests cut their connections and their power."""
    with Fleet(["first", "second"], name="lock") as fleet:
        yield fleet


@pytest.fixture
def far(pair: Fleet) -> Iterator[Callable[[], Operator]]:
    """Return a function that makes operators at two hosts."""
    environment = Environment("production", tuple(Host(name, path="/srv") for name in ("first", "second")))
    ssh = Ssh(config=pair.ssh_config, connect_timeout=2.0, silence=2.0)
    with ExitStack() as stack:
        yield lambda: Operator(environment, stack, ssh)
    pair.mend()


def is_locked(fleet: Fleet, name: str) -> bool:
    return lock_of(fleet[name].path("/"), "srv").exists()


@pytest.mark.hosts
def test_an_operator_who_is_killed_frees_it_at_once(pair: Fleet, far: Callable[[], Operator]) -> None:
    command = [sys.executable, "-c", OPERATOR, str(pair.ssh_config), "first", "second"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        with pytest.raises(LockedError, match=f"process {process.pid}"), far().holds():
            pass
        process.send_signal(signal.SIGKILL)
        with far().holds(wait=60.0) as lock:
            lock.check()
            assert lock.host == "first"


@pytest.mark.hosts
def test_a_killed_sshd_loses_nothing(pair: Fleet, far: Callable[[], Operator]) -> None:
    anna = far()
    with anna.holds() as lock:
        pair["first"].stop_sshd()
        pair["first"].start_sshd()
        lock.check()
        assert lock.host == "first"
        assert "the connection was lost" in anna.told.warnings[0]
        with pytest.raises(LockedError), far().holds():
            pass
    assert not is_locked(pair, "first")


@pytest.mark.hosts
def test_a_lock_host_without_power_and_one_that_is_back(pair: Fleet, far: Callable[[], Operator]) -> None:
    anna = far()
    with anna.holds() as lock:
        pair["first"].down()
        anna.sessions["first"].close()  # or the network would be waited for
        lock.check()
        assert lock.host == "second"
        pair["first"].up()
        assert is_locked(pair, "first")  # as the power left it
        with pytest.raises(LockedError, match="production is locked, on second"), far().holds():
            pass
        lock.check()
    assert not is_locked(pair, "second")


@pytest.mark.hosts
def test_a_network_that_is_silent_for_a_while(
    pair: Fleet, far: Callable[[], Operator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_keeper, "ANSWER", 0.5)
    with far().holds() as lock:
        with pair["first"].silent():
            lock.check()
            assert lock.host == "second"
        until(lambda: not is_locked(pair, "first"))
        monkeypatch.undo()
        lock.check()


@pytest.mark.hosts
def test_what_was_lost_in_silence_is_given_back_at_once_when_the_network_is_there_again(
    pair: Fleet, far: Callable[[], Operator]
) -> None:
    with far().holds() as lock:
        assert lock.host == "first"
        with pair["first"].silent():
            time.sleep(4.0)  # the connection counts as lost
    until(lambda: not is_locked(pair, "first"), 5.0)


@pytest.mark.hosts
def test_a_full_disk_takes_no_lock_away(pair: Fleet, far: Callable[[], Operator]) -> None:
    host = pair["first"]
    with host.small_disk("1m"), far().holds() as lock:
        host.fill()
        lock.check()
        with pytest.raises(LockedError), far().holds():
            pass
        lock.check()
