import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def log_of(project: Path) -> str:
    return "".join(path.read_text("utf-8") for path in (project / ".deliver" / "logs").glob("*.log"))


def test_a_task_tells_its_story_on_stderr_and_its_data_on_stdout(invoke: Cli) -> None:
    ended = invoke("try-it", "--keep", "9", "--host", "a", "--host=b", "--no-dirty", "--from", "0.1.0")

    assert ended.returncode == 0
    assert ended.stdout == "host    bytes\nprod1      10\nprod12   2000\n-           -\n"
    assert ended.stderr == "prod1  did it\nhosts\n9 ['a', 'b'] False '0.1.0'\nall well\n"


def test_with_json_stdout_is_one_document(invoke: Cli) -> None:
    ended = invoke("try-it", "--json")

    assert json.loads(ended.stdout) == {"keep": 3}
    assert "all well" in ended.stderr


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [
        ("locked", 75, "error: me@there is at work\n       since 10:00\n  do:  wait\n  log: .deliver/logs/"),
        ("usage", 64, "error: no such thing\n"),
        ("remote", 1, "error: prod1: it failed\n  | last words\n"),
        ("fault", 70, "error: deliver itself failed: ZeroDivisionError: nobody foresaw this\n"),
    ],
)
def test_a_failure_is_one_message_with_the_exit_code_of_its_kind(invoke: Cli, how: str, code: int, told: str) -> None:
    ended = invoke("try-it", "--how", how)

    assert ended.returncode == code
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_failure_is_a_json_document_too(invoke: Cli, project: Path) -> None:
    ended = invoke("try-it", "--how", "locked", "--json")

    error = json.loads(ended.stdout)["error"]
    log = Path(error.pop("log"))
    assert error == {"kind": "LockedError", "message": "me@there is at work\nsince 10:00", "hint": "wait", "code": 75}
    assert log.parent == project / ".deliver" / "logs"


def test_the_traceback_of_a_fault_is_in_the_log(invoke: Cli, project: Path) -> None:
    invoke("try-it", "--how", "fault")

    assert "Traceback (most recent call last):" in log_of(project)
    assert 'raise ZeroDivisionError("nobody foresaw this")' in log_of(project)


def test_the_traceback_of_a_fault_is_shown_where_there_is_no_log(invoke: Cli, project: Path) -> None:
    (project / "deliver.toml").unlink()

    assert "Traceback" in invoke("try-it", "--how", "fault").stderr
    assert not (project / ".deliver").exists()


def test_a_task_may_choose_its_exit_status(invoke: Cli) -> None:
    assert invoke("try-it", "--how", "status").returncode == 7


def test_a_number_that_is_none_is_a_wrong_command_line(invoke: Cli) -> None:
    ended = invoke("try-it", "--keep", "many")

    assert ended.returncode == 64
    assert ended.stderr.startswith("error: --keep needs a whole number, not 'many'\n")


def test_the_configuration_is_the_one_that_was_named(invoke: Cli, project: Path) -> None:
    (project / "ops").mkdir()
    (project / "ops" / "other.toml").write_text('app = "other"\n', "utf-8")

    assert "demo\n" in invoke("try-it", "--how", "config").stderr
    assert "other\n" in invoke("try-it", "--how", "config", "--config", "ops/other.toml").stderr
    assert "other\n" in invoke("try-it", "--how", "config", DELIVER_CONFIG="ops/other.toml").stderr
    assert "set\n" in invoke("try-it", "--how", "config", "--set", "app=set").stderr
    assert (project / "ops" / ".deliver" / "logs").is_dir()


def test_a_wrong_configuration_ends_with_its_own_code(invoke: Cli, project: Path) -> None:
    (project / "deliver.toml").write_text("app = 1\n", "utf-8")

    ended = invoke("try-it", "--how", "config")

    assert ended.returncode == 78
    assert f"error: {project}/deliver.toml:1: app: must be text" in ended.stderr


def test_a_missing_configuration_says_what_to_do(invoke: Cli, project: Path) -> None:
    (project / "deliver.toml").unlink()

    ended = invoke("try-it", "--how", "config")

    assert ended.returncode == 78
    assert "copy config.example.toml" in ended.stderr


@pytest.mark.parametrize(("number", "code", "name"), [(2, 130, "Ctrl-C"), (15, 143, "SIGTERM"), (1, 129, "SIGHUP")])
def test_a_signal_unwinds_everything_that_was_opened(
    project: Path, environ: dict[str, str], number: int, code: int, name: str
) -> None:
    argv = [sys.executable, "-c", "from invoke.main import program; program.run()", "try-it", "--how", "wait"]
    with subprocess.Popen(argv, cwd=project, env=environ, stdout=-1, stderr=-1, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "waiting\n"
        os.kill(running.pid, number)
        out, err = running.communicate(timeout=10)

    assert (out, running.returncode) == ("closed\n", code)
    assert f"error: interrupted ({name})" in err


def test_a_hangup_that_nohup_ignores_stays_ignored(project: Path, environ: dict[str, str]) -> None:
    argv = ["nohup", sys.executable, "-c", "from invoke.main import program; program.run()", "try-it", "--how", "wait"]
    with subprocess.Popen(argv, cwd=project, env=environ, stdin=-3, stdout=-1, stderr=-1, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "waiting\n"
        os.kill(running.pid, signal.SIGHUP)
        time.sleep(0.3)
        assert running.poll() is None
        running.terminate()
        running.communicate(timeout=10)


def test_nobody_is_asked_when_stdin_is_no_terminal(invoke: Cli) -> None:
    ended = invoke("try-it", "--how", "stdin")

    assert ended.returncode == 64
    assert "nobody can be asked" in ended.stderr
    assert "--yes" in ended.stderr


def test_a_reader_that_leaves_does_not_end_the_work(project: Path, environ: dict[str, str]) -> None:
    command = (
        f"{sys.executable} -c 'from invoke.main import program; program.run()' try-it | true; echo ${{PIPESTATUS[0]}}"
    )
    ended = subprocess.run(
        ["bash", "-c", command], cwd=project, env=environ, capture_output=True, text=True, check=True
    )

    assert ended.stdout == "0\n"
    assert "all well" in ended.stderr
    assert "Broken" not in ended.stderr


def test_an_argument_may_be_given_by_its_place(invoke: Cli) -> None:
    assert invoke("say", "1 + 1.").stdout == "1 + 1.\n"


def test_help_is_not_taken_for_an_argument(invoke: Cli) -> None:
    ended = invoke("say", "--help")

    assert ended.returncode == 64
    assert "--help say shows its options" in ended.stderr


def test_a_repeatable_option_without_its_value_is_refused(invoke: Cli) -> None:
    ended = invoke("try-it", "--host", "--json")

    assert ended.returncode == 1
    assert "needed value and was not given one" in ended.stderr


def test_invoke_shows_every_option_of_a_task(invoke: Cli) -> None:
    shown = invoke("--help", "try-it").stdout

    for flag in ("--config", "--set", "--json", "--verbose", "--how", "--keep=INT", "--host", "--[no-]dirty", "--from"):
        assert flag in shown
