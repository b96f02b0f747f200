"""The journals of hosts: written by runs and by scripts, read together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Host, Ssh
from deliver.errors import RemoteError
from deliver.remote.connect import connect
from deliver.remote.session import Session
from deliver.rollout.events import Event
from deliver.rollout.history import UNFINISHED, deeds, steps
from deliver.rollout.journal import MOST, Entry, Journals, append, moment, parsed, read
from deliver.rollout.record import End, Member, Run
from tests.hosts import Fleet
from tests.rollout.locks import APP, Told

#: As the payload's own function writes it.
SCRIPTED = '{"at":"2026-11-29T22:00:00Z","who":"anna@laptop","action":"install","version":"0.2.0","outcome":"ok"}'
#: 2026-11-29T22:00:00Z
TEN_PM = 1795989600.0
ABOUT = Entry("release", "0.2.0", environment="production", run="r1", who="anna@laptop")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / APP / ".deliver").mkdir(parents=True)
    return Host("here", address="local", path=str(tmp_path))


@pytest.fixture
def session(host: Host) -> Iterator[Session]:
    with connect(host, Ssh(), Told()) as opened:
        yield opened


def journal(host: Host) -> Path:
    return Path(host.path, APP, ".deliver", "journal")


def test_a_run_writes_twice_on_each_host(session: Session, host: Host) -> None:
    journals = Journals(ABOUT, APP, Told(), lambda text: text.replace("hunter2", "***"))
    journals.begin(session, host)
    journals.tell(Event("health", "ended", "elsewhere"))
    journals.tell(Event("batch", "ended"))
    journals.tell(Event("upgrade", "began", host.name))
    journals.tell(Event("upgrade", "ended", host.name, 1, 0.4567, 'it\'s "hot"\n\t$(x) ß hunter2', at=1000.0))
    journals.tell(Event("health", "failed", host.name, 1, 2.0, "no answer"))
    before = session.commands
    journals.end(session, host, journals.lines(host.name, "failed", "hunter2: no answer", 3.0))
    assert session.commands == before + 1
    documents = [json.loads(line) for line in journal(host).read_text("utf-8").splitlines()]
    assert {(one["who"], one["action"], one["version"], one["environment"], one["run"]) for one in documents} == {
        ("anna@laptop", "release", "0.2.0", "production", "r1")
    }
    began, upgraded, _, ended = documents
    assert list(began) == ["at", "who", "action", "version", "outcome", "environment", "run"]
    assert began["outcome"] == "began"
    assert (upgraded["at"], upgraded["step"], upgraded["outcome"]) == ("1970-01-01T00:16:40Z", "upgrade", "ok")
    assert (upgraded["reason"], upgraded["seconds"]) == ('it\'s "hot"\n\t$(x) ß ***', 0.457)
    assert (ended["outcome"], ended["reason"], ended["seconds"]) == ("failed", "***: no answer", 3.0)


def test_the_last_lines_are_read_whoever_wrote_them(session: Session, host: Host) -> None:
    journal(host).write_text(f'{SCRIPTED}\n{SCRIPTED}\nno line\n{{"at":1}}\n[]\n')
    append(session, host, APP, [ABOUT])
    entries = read(session, host, APP, 5)
    assert [(one.action, one.host) for one in entries] == [("install", "here"), ("release", "here")]
    assert entries[0] == Entry("install", "0.2.0", who="anna@laptop", at="2026-11-29T22:00:00Z", host="here")
    assert len(read(session, host, APP, 4)) == 1


def test_a_host_that_never_saw_deliver_has_no_journal(session: Session, host: Host) -> None:
    strange = Host("here", address="local", path=f"{host.path}/elsewhere")
    append(session, strange, APP, [ABOUT])
    assert read(session, strange, APP, 10) == []
    assert not Path(strange.path).exists()


def test_a_journal_that_cannot_be_written_stops_nothing(session: Session, host: Host) -> None:
    journal(host).mkdir()
    with pytest.raises(RemoteError, match="writing the journal"):
        append(session, host, APP, [ABOUT])
    told = Told()
    Journals(ABOUT, APP, told).begin(session, host)
    assert len(told.warnings) == 1
    assert told.warnings[0].startswith("the journal of here has a gap: here: writing the journal")


def test_a_long_reason_is_cut() -> None:
    line = Entry("release", reason="x" * 10_000).line()
    entry = parsed(line)
    assert entry is not None
    assert len(entry.reason) == MOST


@pytest.mark.hosts
def test_a_full_disk_stops_nothing(fleet: Fleet) -> None:
    host, told = Host("prod1", path="/srv"), Told()
    with fleet["prod1"].small_disk("1m"), connect(host, Ssh(config=fleet.ssh_config), told) as session:
        fleet["prod1"].shell(f"mkdir -p /srv/{APP}/.deliver", user="deploy")
        fleet["prod1"].fill()
        journals = Journals(ABOUT, APP, told)
        journals.tell(Event("upgrade", "ended", "prod1", text="x" * 1000))
        journals.end(session, host, journals.lines(host.name, "ok"))
        assert [one.partition(": ")[0] for one in told.warnings] == ["the journal of prod1 has a gap"]
        fleet["prod1"].shell("rm /srv/ballast")
        journals.end(session, host, journals.lines(host.name, "ok"))
        assert [entry.outcome for entry in read(session, host, APP, 10)][-1:] == ["ok"]


# Records and journals together


def entry(at: int, host: str, outcome: str = "ok", *, action: str = "install", **more: str) -> Entry:
    """Return a line that was written so many seconds after ten."""
    known = {"who": "anna@laptop", **more}
    made = Entry(action, "0.2.0", outcome, at=moment(TEN_PM + at), host=host)
    return replace(made, **known)  # type: ignore[arg-type]  # all of them are texts


def recorded(at: int, end: End | None) -> Run:
    return Run(
        id="r1",
        task="release",
        app=APP,
        environment="production",
        version="0.2.0",
        who="anna@laptop",
        at=TEN_PM + at,
        members=(Member("h1", to="0.2.0"), Member("h2", to="0.1.1")),
        steps=(
            Event("upgrade", "began", "h1", 1, at=TEN_PM + at + 1),
            Event("upgrade", "failed", "h1", 1, 2.0, "no answer", at=TEN_PM + at + 3),
            Event("upgrade", "ended", "h2", 2, 1.0, at=TEN_PM + at + 4),
        ),
        end=end,
    )


def test_a_run_of_this_machine_is_told_by_its_record_alone() -> None:
    run = recorded(100, End("failed", 3, "h1: no answer", at=TEN_PM + 110))
    lines = [entry(101, "h1", "began", run="r1", action="release"), entry(103, "h1", "failed", run="r1")]
    (deed,) = deeds([run], lines)
    assert (deed.at, deed.task, deed.outcome, deed.seconds) == ("2026-11-29T22:01:40Z", "release", "failed", 10.0)
    assert (deed.hosts, deed.reason) == (("h1", "h2"), "h1: no answer")


def test_a_run_without_an_end_is_called_so() -> None:
    (deed,) = deeds([recorded(0, None)], [])
    assert (deed.outcome, deed.seconds) == (UNFINISHED, 4.0)


def test_a_run_of_another_machine_is_told_by_the_journals() -> None:
    lines = [
        entry(0, "h1", "began", run="r9", action="release"),
        entry(3, "h1", run="r9", action="release", step="upgrade"),
        entry(4, "h1", run="r9", action="release"),
        entry(5, "h2", "began", run="r9", action="release"),
    ]
    (deed,) = deeds([], lines)
    assert (deed.task, deed.outcome, deed.seconds, deed.hosts) == ("release", UNFINISHED, 5.0, ("h1", "h2"))
    (deed,) = deeds([], [*lines, entry(9, "h2", "failed", run="r9", reason="no answer")])
    assert (deed.outcome, deed.reason, deed.step, deed.run) == ("failed", "no answer", "", "r9")
    (deed,) = deeds([], [*lines, entry(9, "h2", run="r9")])
    assert (deed.outcome, deed.seconds) == ("ok", 9.0)


def test_what_scripts_write_for_a_run_is_part_of_it() -> None:
    run = recorded(100, End("done", at=TEN_PM + 110))
    inside = [entry(99, "h1"), entry(105, "h2"), entry(112, "h1", action="commit")]
    outside = [entry(90, "h1"), entry(120, "h1"), entry(105, "h3"), entry(105, "h1", who="bert@elsewhere")]
    found = deeds([run], [*inside, *outside])
    assert [(deed.task, deed.at[14:19], deed.hosts) for deed in found] == [
        ("install", "01:30", ("h1", "h3")),
        ("release", "01:40", ("h1", "h2")),
        ("install", "01:45", ("h1",)),
        ("install", "02:00", ("h1",)),
    ]


def test_the_same_on_several_hosts_is_one_deed() -> None:
    lines = [entry(0, "h1"), entry(2, "h2"), entry(1, "h3", "failed"), entry(5, "h1"), entry(500, "h2")]
    found = deeds([], lines)
    assert [(deed.outcome, deed.hosts) for deed in found] == [
        ("ok", ("h1", "h2")),
        ("failed", ("h3",)),
        ("ok", ("h1",)),
        ("ok", ("h2",)),
    ]


def test_the_steps_of_a_host() -> None:
    run = recorded(100, None)
    lines = [entry(102, "h1"), entry(103, "h2"), entry(103, "h1", run="r1", action="release", step="upgrade")]
    found = steps([run], lines, "h1")
    assert [(deed.task, deed.step, deed.outcome, deed.reason) for deed in found] == [
        ("install", "", "ok", ""),
        ("release", "upgrade", "failed", "no answer"),
    ]
    assert [deed.version for deed in steps([run], lines, "h2") if deed.step] == ["0.1.1"]
