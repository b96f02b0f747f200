import contextlib
import io
import json
import os
import pty
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deliver.cli.output import Output
from deliver.cli.screen import Screen, Stream, plain
from deliver.errors import DeliverError
from deliver.report import Report
from deliver.secret import Secret

Show = Callable[..., "Shown"]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Shown:
    """An output with both of its ends kept."""

    def __init__(
        self, *, terminal: bool = False, log: Path | None = None, environ: Mapping[str, str] | None = None, **how: bool
    ) -> None:
        self.stdout, self.stderr = io.StringIO(), Terminal() if terminal else io.StringIO()
        self.out = Output(
            "test",
            log_directory=lambda: log,
            stdout=self.stdout,
            stderr=self.stderr,
            environ=environ or {},
            **how,
        )

    @property
    def log(self) -> str:
        assert self.out._log is not None
        return self.out._log.path.read_text("utf-8")


@pytest.fixture
def show() -> Iterator[Show]:
    """Return a function that makes outputs, which end with the test."""
    made: list[Shown] = []

    def make(**how: Any) -> Shown:
        made.append(Shown(**how))
        return made[-1]

    yield make
    for one in made:
        one.out.close()


def as_seen(text: str) -> list[str]:
    """Return the lines that a terminal ends up with, as it moves up and erases."""
    lines: list[str] = []
    for part in re.split(r"(\x1b\[\d+F\x1b\[J)", text):
        moved = re.fullmatch(r"\x1b\[(\d+)F\x1b\[J", part)
        lines = lines[: -int(moved[1])] if moved else lines + part.splitlines()
    return [re.sub(r"\x1b\[[\d;]*m", "", line) for line in lines]


def test_an_output_is_a_report(show: Show) -> None:
    report: Report = show().out

    report.step("prod1", "installed")


def test_steps_stand_below_one_another(show: Show) -> None:
    shown = show()

    shown.out.step("staging1", "installed")
    shown.out.step("prod1", "installed")

    assert shown.stderr.getvalue() == "staging1  installed\nprod1     installed\n"


def test_steps_of_many_threads_do_not_mix(show: Show, tmp_path: Path) -> None:
    shown = show(terminal=True, log=tmp_path)

    def work(host: str) -> None:
        for count in range(100):
            shown.out.log(host, b"half a ")
            shown.out.progress(host, count, 100)
            shown.out.log(host, b"line\n")
            shown.out.step(host, f"{count} " * 20)

    threads = [threading.Thread(target=work, args=(f"h{at}",)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown.out.finish()

    seen = as_seen(shown.stderr.getvalue())
    assert len(seen) == 800
    assert all(re.fullmatch(r"h\d  (\d+) (\1 )*", line) for line in seen)
    assert shown.log.count("| half a line\n") == 800


def test_progress_lives_on_a_terminal_and_goes_with_the_next_step(show: Show) -> None:
    shown = show(terminal=True)

    shown.out.progress("prod1", 500_000, 2_000_000)
    before = as_seen(shown.stderr.getvalue())
    shown.out.step("prod1", "installed")

    assert before == ["prod1   25%  500.0 kB of 2.0 MB"]
    assert as_seen(shown.stderr.getvalue()) == ["prod1  installed"]


def test_what_a_host_says_lives_on_a_terminal(show: Show) -> None:
    shown = show(terminal=True)

    shown.out.log("builder", b"Compiling 34 files (.ex)\n")
    before = as_seen(shown.stderr.getvalue())
    shown.out.finish()

    assert before == ["builder  Compiling 34 files (.ex)"]
    assert as_seen(shown.stderr.getvalue()) == []


def test_progress_is_a_line_now_and_then_elsewhere(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show()
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    for second in range(25):
        now[0] = float(second)
        shown.out.progress("prod1", second * 1_000_000, 25_000_000)

    assert shown.stderr.getvalue() == "prod1   40%  10.0 MB of 25.0 MB\nprod1   80%  20.0 MB of 25.0 MB\n"


@pytest.mark.parametrize(
    ("terminal", "environ", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_there_is_colour_where_it_is_wanted(
    show: Show, *, terminal: bool, environ: dict[str, str], coloured: bool
) -> None:
    shown = show(terminal=terminal, environ=environ)

    shown.out.warn("careful")

    assert ("\x1b[" in shown.stderr.getvalue()) is coloured
    assert as_seen(shown.stderr.getvalue()) == ["warning: careful"]


def test_nothing_lives_in_ci_though_it_has_a_terminal(show: Show) -> None:
    shown = show(terminal=True, environ={"CI": "true"})

    shown.out.progress("prod1", 1, 2)

    assert shown.stderr.getvalue() == ""


def test_verbose_shows_scripts_and_what_hosts_say(show: Show) -> None:
    shown = show(verbose=True)

    shown.out.script("prod1", "facts.sh", "echo a\necho b\n")
    shown.out.log("prod1", b"a\r\nb")
    shown.out.finish()

    assert shown.stderr.getvalue() == "prod1 runs facts.sh\n  > echo a\n  > echo b\nprod1  | a\nprod1  | b\n"


def test_a_host_cannot_drive_the_terminal(show: Show, tmp_path: Path) -> None:
    shown = show(verbose=True, log=tmp_path)

    shown.out.log("h", b"\x1b]0;title\x07\x1b[2Jred\x1b[31m \xff\x9b\n")
    shown.out.step("h", "a\x1b[Hb")

    assert shown.stderr.getvalue() == "h  | red \\xff\\x9b\nh  ab\n"
    assert "\x1b" not in shown.log


def test_everything_is_in_the_log_with_its_time(show: Show, tmp_path: Path) -> None:
    shown = show(log=tmp_path / "x" / "logs")

    shown.out.step("prod1", "installed")
    shown.out.log("prod1", b"words\n")
    shown.out.script("prod1", "facts.sh", "echo a")
    shown.out.warn("careful")
    shown.out.fail(DeliverError("it failed", hint="mend it"))

    lines = [re.sub(r"^\d\d:\d\d:\d\d\.\d{3} ", "", line) for line in shown.log.splitlines()[1:]]
    assert lines == [
        "prod1        installed",
        "prod1        | words",
        "prod1        runs facts.sh",
        "deliver      warning: careful",
        "deliver      error: it failed",
        "deliver      hint: mend it",
    ]
    assert shown.stderr.getvalue().endswith(f"  do:  mend it\n  log: {shown.out._log.path}\n")  # type: ignore[union-attr]


def test_a_log_is_its_owners_and_hidden_from_git(show: Show, tmp_path: Path) -> None:
    shown = show(log=tmp_path / ".deliver" / "logs")

    shown.out.step("h", "x")

    (log,) = (tmp_path / ".deliver" / "logs").iterdir()
    assert log.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".deliver" / ".gitignore").read_text() == "*\n"


def test_the_oldest_logs_go(show: Show, tmp_path: Path) -> None:
    tmp_path.joinpath("20260101T000000.000000Z.other.1.log").touch()
    for count in range(60):
        tmp_path.joinpath(f"20260101T0000{count:02}.000000Z.test.1.log").touch()

    show(log=tmp_path).out.step("h", "x")

    names = sorted(path.name for path in tmp_path.glob("*.test.*.log"))
    assert len(names) == 50
    assert names[0] == "20260101T000011.000000Z.test.1.log"
    assert tmp_path.joinpath("20260101T000000.000000Z.other.1.log").exists()


def test_a_log_that_cannot_be_written_stops_nothing(show: Show, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shown = show(log=tmp_path / "file" / "logs")

    shown.out.step("h", "x")
    shown.out.step("h", "y")

    assert shown.stderr.getvalue().count("warning: no log is kept: ") == 1
    assert shown.stderr.getvalue().endswith("h  x\nh  y\n")


def test_secrets_never_show(show: Show, tmp_path: Path) -> None:
    shown = show(verbose=True, log=tmp_path)
    shown.out.hide([Secret("hunter2"), Secret("a")])

    shown.out.step("h", "a hunter2")
    shown.out.log("h", b"a hun")
    shown.out.log("h", b"ter2\n")
    shown.out.script("h", "x.sh", "echo hunter2")
    shown.out.data("hunter2", "hunter2")
    shown.out.fail(DeliverError("hunter2", hint="hunter2"), detail="hunter2")

    assert "hunter2" not in shown.stderr.getvalue() + shown.stdout.getvalue() + shown.log
    assert "h  a ***\n" in shown.stderr.getvalue()


def test_a_secret_of_several_lines_or_quoted_by_a_program_never_shows(show: Show, tmp_path: Path) -> None:
    shown = show(json=True, log=tmp_path)
    shown.out.hide([Secret("-----BEGIN\nMIIEvQIBADAN\n"), Secret('say "open sesame"')])

    shown.out.log("h", b"key: MIIEvQIBADAN\n")
    shown.out.data(
        "", [{"value": 'say "open sesame"', "path": tmp_path, "all": ('{"x": "say \\"open sesame\\""}', 1, None)}]
    )
    shown.out.finish()

    assert not re.search("MIIE|sesame", shown.stderr.getvalue() + shown.stdout.getvalue() + shown.log)
    assert json.loads(shown.stdout.getvalue()) == [
        {"value": "***", "path": str(tmp_path), "all": ['{"x": "***"}', 1, None]}
    ]


def test_without_a_result_the_document_is_empty(show: Show) -> None:
    shown = show(json=True)

    shown.out.finish()

    assert json.loads(shown.stdout.getvalue()) == {}


def test_what_a_failed_run_found_is_in_its_document(show: Show) -> None:
    shown = show(json=True)

    shown.out.table("", ["host"], [["prod1"]], [{"host": "prod1"}])
    shown.out.fail(DeliverError("it failed"))

    document = json.loads(shown.stdout.getvalue())
    assert document["result"] == [{"host": "prod1"}]
    assert document["error"]["message"] == "it failed"


def test_raw_bytes_go_to_stdout_as_they_are() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "w") as writer:
        out = Output("test", json=True, stdout=writer, stderr=io.StringIO(), environ={})
        out.raw(b"\xff\x00\n")
        out.finish()
        writer.close()
        assert reader.read() == b"\xff\x00\n"


def test_a_full_disk_loses_a_story_but_not_a_result() -> None:
    with Path("/dev/full").open("w") as full, Path("/dev/full").open("w") as full_too:
        out = Output("test", stdout=full, stderr=full_too, environ={})
        out.note("once upon a time")
        with pytest.raises(DeliverError, match="cannot be written to stdout: No space left"):
            out.data("42", 42)
        out.fail(DeliverError("it failed"))


def test_a_table_without_rows_has_its_columns(show: Show) -> None:
    shown = show()

    shown.out.table("releases", ["version", "size"], [], [])

    assert (shown.stdout.getvalue(), shown.stderr.getvalue()) == ("version  size\n", "releases\n")


def test_what_an_encoding_lacks_is_escaped() -> None:
    raw = io.BytesIO()
    stream = Stream(io.TextIOWrapper(raw, encoding="ascii"))

    stream.write("größe\n")

    assert raw.getvalue() == b"gr\\xf6\\xdfe\n"


def test_live_lines_fit_a_real_terminal() -> None:
    main, side = pty.openpty()
    pieces: list[bytes] = []
    reader = threading.Thread(target=read_to_end, args=(main, pieces))
    reader.start()
    with os.fdopen(side, "w", encoding="utf-8") as stream:
        screen = Screen(stream, {"TERM": "xterm"})
        for at in range(40):
            screen._next = 0.0
            screen.live(f"h{at}", "x" * 500)
        screen.line("done")
    reader.join()
    os.close(main)

    seen = as_seen(b"".join(pieces).decode().replace("\r\n", "\n"))
    assert seen[0] == "done"
    assert len(seen) == 13
    assert max(map(len, seen)) == shutil.get_terminal_size().columns - 1


def read_to_end(descriptor: int, pieces: list[bytes]) -> None:
    with contextlib.suppress(OSError):  # how Linux tells that the other side has gone
        while piece := os.read(descriptor, 1 << 16):
            pieces.append(piece)


@pytest.mark.parametrize(
    ("given", "kept"), [("a\tb\nc", "a\tb\nc"), ("\x1b[1;31mred\x1b[0m", "red"), ("a\rb\x00\x7f", "ab")]
)
def test_control_characters_go(given: str, kept: str) -> None:
    assert plain(given) == kept
