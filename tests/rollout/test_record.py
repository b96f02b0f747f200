"""The record of a run, as it is written and read again, whatever became of the writer."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from deliver.errors import StoreError
from deliver.rollout.events import Event, Story
from deliver.rollout.record import KEPT, End, Ended, Member, Record, Run, latest, new_id, place, read, runs
from tests.rollout.locks import Told

ROOT = Path(__file__).parents[2]
MEMBERS = (
    Member("h1", "east", "hot", "0.1.0", "0.2.0", "hot", ("the pair is proven", "both ways")),
    Member("h2", way="restart", to="0.2.0"),
)
RUN = Run(
    id="20261129T221500Z-1a2b",
    task="release",
    app="demo",
    environment="production",
    version="0.2.0",
    who="anna@laptop",
    machine="laptop",
    pid=4711,
    ci="https://ci.example.com/1",
    at=1000.0,
    command=("release", "--tag", "v0.2.0"),
    members=MEMBERS,
    batches=(("h1",), ("h2",)),
)
EVENTS = (
    Event("lock", "ended", seconds=0.25, at=1001.0),
    Event("upgrade", "began", "h1", 1, at=1002.0),
    Event("upgrade", "failed", "h1", 1, 2.5, "it said\nß", at=1004.5),
)
END = End(
    "failed", 3, "h1: it said", "invoke release --resume", (Ended("h1", "old", "0.1.0", "0.1.0"),), "MIXED", 1010.0
)


def begun(directory: Path, run: Run = RUN, told: Told | None = None) -> Record:
    return Record.make(directory, run, lambda text: text.replace("hunter2", "***"), told or Told())


def lines(record: Record) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.path.read_text("utf-8").splitlines()]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    record = begun(tmp_path)
    story: Story = record
    for event in EVENTS:
        story.tell(event)
    record.end(END)
    assert read(record.path) == read(record.directory) == replace(RUN, steps=EVENTS, end=END)
    assert read(record.path).seconds == 10.0


def test_the_lines_are_what_the_manual_says(tmp_path: Path) -> None:
    record = begun(tmp_path)
    record.tell(EVENTS[2])
    record.end(END)
    run, step, end = lines(record)
    assert list(run) == [
        *("kind", "id", "task", "app", "environment", "version", "who", "machine", "pid", "ci", "at", "command"),
        *("members", "batches"),
    ]
    assert list(run["members"][0]) == ["host", "zone", "way", "from", "to", "verdict", "reasons"]
    assert step == {
        "kind": "step",
        "at": 1004.5,
        "step": "upgrade",
        "event": "failed",
        "host": "h1",
        "batch": 1,
        "seconds": 2.5,
        "text": "it said\nß",
    }
    assert {key: end[key] for key in ("kind", "outcome", "code", "message", "mend", "fleet", "at")} == {
        "kind": "end",
        "outcome": "failed",
        "code": 3,
        "message": "h1: it said",
        "mend": "invoke release --resume",
        "fleet": "MIXED",
        "at": 1010.0,
    }
    assert end["hosts"] == [{"host": "h1", "state": "old", "version": "0.1.0", "boots": "0.1.0"}]


def test_nobody_else_can_read_it_and_git_does_not_see_it(tmp_path: Path) -> None:
    directory = place(tmp_path / "deliver.toml")
    record = begun(directory)
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    status = subprocess.run(["git", "status", "--porcelain"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert status.stdout == ""


def test_no_secret_is_written(tmp_path: Path) -> None:
    record = begun(tmp_path, replace(RUN, command=("release", "--set", "cookie=hunter2")))
    record.tell(Event("hook", "failed", text="login with hunter2 failed"))
    record.end(replace(END, message="hunter2", hosts=(Ended("hunter2", "old"),)))
    assert "hunter2" not in record.path.read_text()
    assert record.path.read_text().count("***") == 4


def test_a_run_that_was_killed_has_no_end_and_all_its_steps(tmp_path: Path) -> None:
    code = f"""
import itertools, sys
from pathlib import Path
from deliver.rollout.events import Event
from tests.rollout.test_record import begun
record = begun(Path({str(tmp_path)!r}))
for number in itertools.count():
    record.tell(Event("health", "note", text=str(number)))
    if number > 100:
        print(number, flush=True)
"""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(50)][-1]
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    run = latest(tmp_path, "production")
    assert run is not None
    assert run.end is None
    assert [event.text for event in run.steps[: seen + 1]] == [str(number) for number in range(seen + 1)]


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_that_is_cut_is_left_out(tmp_path: Path, cut: int) -> None:
    record = begun(tmp_path)
    for event in EVENTS:
        record.tell(event)
    record.close()
    os.truncate(record.path, record.path.stat().st_size - cut)
    expected = EVENTS if cut == 1 else EVENTS[:2]
    assert read(record.path) == replace(RUN, steps=expected)


def test_several_threads_write_whole_lines(tmp_path: Path) -> None:
    record = begun(tmp_path)

    def tell(host: str) -> None:
        for number in range(50):
            record.tell(Event("health", "note", host, text=f"{number}{'x' * 5000}"))

    threads = [threading.Thread(target=tell, args=(f"h{n}",)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    record.close()
    steps = read(record.path).steps
    assert len(steps) == 200
    for name in ("h0", "h1", "h2", "h3"):
        assert [int(one.text.rstrip("x")) for one in steps if one.host == name] == list(range(50))


def test_what_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    record = begun(tmp_path, told=told)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda _descriptor, _data: (_ for _ in ()).throw(OSError(28, "No space left")))
        record.tell(EVENTS[0])
        record.tell(EVENTS[1])
    record.tell(EVENTS[2])
    record.end(END)
    record.tell(EVENTS[0])
    assert read(record.path).steps == (EVENTS[2],)
    assert told.warnings == [f"the record of this run has gaps: {record.path}: No space left"]


def test_a_line_of_which_only_a_part_fits_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, write = begun(tmp_path), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
        record.tell(EVENTS[0])
    record.tell(EVENTS[1])
    record.close()
    assert read(record.path).steps == (EVENTS[1],)


def test_a_directory_that_takes_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(StoreError, match="no record of this run can be kept"):
        begun(tmp_path / "runs")
    assert latest(tmp_path / "runs", "production") is None


def test_the_newest_run_of_an_environment_is_found(tmp_path: Path) -> None:
    assert (latest(tmp_path / "nothing", "production"), runs(tmp_path, "production")) == (None, [])
    for number, environment in enumerate(("production", "staging", "production", "staging")):
        begun(tmp_path, replace(RUN, id=f"2026112{number}T000000Z-ffff", environment=environment)).close()
    (tmp_path / "29990101T000000Z-ffff").mkdir()
    (tmp_path / "29990101T000000Z-ffff" / "record.jsonl").write_text('{"kind": "run", "id":')
    found = latest(tmp_path, "production")
    assert found is not None
    assert found.id == "20261122T000000Z-ffff"
    assert [run.id[:8] for run in runs(tmp_path, "production")] == ["20261120", "20261122"]


def test_old_runs_of_the_same_environment_go(tmp_path: Path) -> None:
    begun(tmp_path, replace(RUN, id="20200101T000000Z-ffff", environment="staging")).close()
    for number in range(KEPT + 3):
        begun(tmp_path, replace(RUN, id=f"20261129T2215{number:02}Z-ffff")).close()
    kept = runs(tmp_path, "production")
    assert (len(kept), kept[0].id) == (KEPT, "20261129T221503Z-ffff")
    assert len(runs(tmp_path, "staging")) == 1


def test_a_newer_deliver_may_say_more(tmp_path: Path) -> None:
    record = begun(tmp_path)
    record.tell(EVENTS[0])
    record.end(END)
    more = [{**line, "colour": "blue"} for line in lines(record)]
    record.path.write_text("".join(f"{json.dumps(line)}\n" for line in more))
    assert read(record.path) == replace(RUN, steps=EVENTS[:1], end=END)


@pytest.mark.parametrize("text", ["", "[]\n", '{"kind":"run"}\n', '{"id":1,"members":3,"batches":[]}\n'])
def test_what_is_no_record_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.jsonl").write_text(text)
    with pytest.raises(StoreError, match="nothing can be made of the record"):
        read(tmp_path)
    with pytest.raises(StoreError, match="cannot be read"):
        read(tmp_path / "nothing")


def test_names_of_runs_tell_when_they_began() -> None:
    name = new_id(datetime(2026, 11, 29, 22, 15, tzinfo=timezone.utc))
    assert re.fullmatch(r"20261129T221500Z-[0-9a-f]{4}", name)
