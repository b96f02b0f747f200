import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.tasks import Task

from deliver import __version__
from deliver.cli.namespace import namespace
from tests.cli.conftest import ROOT, Cli

HEAVY = ("fabric", "paramiko", "git", "zstandard", "tomli", "cryptography")
RUN = {
    "deliver": "import sys; sys.argv = ['deliver', *{words!r}]; from deliver.cli.program import main; main()",
    "invoke": "import sys; sys.argv = ['invoke', *{words!r}]; from invoke.main import program; program.run()",
}


def modules_after(program: str, *words: str) -> set[str]:
    code = "import atexit, sys; atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr)); " + RUN[
        program
    ].format(words=list(words))
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ended.stderr.split()}


@pytest.mark.parametrize(("program", "word"), [("deliver", "--version"), ("deliver", "--list"), ("invoke", "--list")])
def test_nothing_heavy_is_imported_for(program: str, word: str) -> None:
    assert modules_after(program, word) & set(HEAVY) == set()


def test_the_version_comes_little_later_than_invokes_own() -> None:
    measured = [(seconds("deliver", "--version"), seconds("invoke", "--version")) for _ in range(5)]
    ours, bare = (min(each) for each in zip(*measured, strict=True))

    assert ours < bare * 1.5 + 0.05


def seconds(program: str, word: str) -> float:
    # Of a processor: it waits for nothing, and other workers have the processors too.
    began = processor_time()
    subprocess.run([sys.executable, "-c", RUN[program].format(words=[word])], cwd=ROOT, capture_output=True, check=True)
    return processor_time() - began


def processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_version_is_the_packages(deliver: Cli) -> None:
    assert deliver("--version").stdout == f"deliver {__version__}\n"


def test_without_a_task_the_tasks_are_listed(deliver: Cli) -> None:
    ended = deliver()

    assert ended.returncode == 0
    assert re.search(r"^  config +Show the configuration", ended.stdout, re.MULTILINE)


def test_invoke_and_deliver_offer_the_same_tasks(deliver: Cli) -> None:
    bare = subprocess.run(
        [sys.executable, "-c", RUN["invoke"].format(words=["--list", "--list-format=json"])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    ours = json.loads(deliver("--list", "--list-format=json").stdout)
    assert ours["tasks"] == json.loads(bare.stdout)["tasks"]


@pytest.mark.parametrize("words", [["no-such-task"], ["config", "--no-such-flag"], ["--echo"], ["--help", "nothing"]])
def test_a_wrong_command_line_ends_with_64(deliver: Cli, words: list[str]) -> None:
    ended = deliver(*words)

    assert ended.returncode == 64
    assert ended.stderr.startswith("error: No idea what ")
    assert "`deliver --list` shows the tasks" in ended.stderr


@pytest.mark.parametrize("words", [["build-release", "--tag", ""], ["deploy-release", "--lock-wait="]])
def test_an_empty_value_is_not_the_default(deliver: Cli, words: list[str]) -> None:
    ended = deliver(*words)

    assert ended.returncode == 64
    assert "needs a value, and was given an empty one" in ended.stderr


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["config", "--set"], "--set"),
        (["deploy-release", "--lock-wait"], "--lock-wait"),
        (["ping", "--host", "--json"], "--host"),
    ],
)
def test_an_option_without_its_value_ends_with_64(deliver: Cli, words: list[str], flag: str) -> None:
    ended = deliver(*words)

    assert ended.returncode == 64
    assert f"error: {flag} needs a value\n" in ended.stderr


def test_options_of_every_task_may_stand_before_it(deliver: Cli) -> None:
    ended = deliver("--json", "--set=tag_prefix=release-", "--config", "deliver.toml", "config")

    assert json.loads(ended.stdout)["tag_prefix"] == "release-"


def test_help_of_a_task_is_shown_wherever_it_is_asked_for(deliver: Cli) -> None:
    before, behind = deliver("--help", "config"), deliver("config", "--json", "--help")

    assert "--set" in before.stdout
    assert before.stdout == behind.stdout


def test_the_configuration_is_shown_without_its_secrets(deliver: Cli) -> None:
    text = deliver("config", KEY="hunter2").stdout
    document = deliver("config", "--json", KEY="hunter2").stdout

    assert 'build.env.KEY = "***"' in text
    assert json.loads(document)["app"] == "demo"
    assert "hunter2" not in text + document


def test_completion_knows_the_tasks(deliver: Cli) -> None:
    assert "config" in deliver("--complete", "--", "deliver").stdout.split()
    assert "complete -F _complete_deliver" in deliver("--print-completion-script", "bash").stdout


def test_every_option_of_every_task_is_explained() -> None:
    collection = namespace()
    silent = [
        f"{name} --{argument.name}"
        for name, task in ((name, collection[name]) for name in collection.task_names)
        if isinstance(task, Task)
        for argument in task.get_arguments()
        if not argument.help
    ]

    assert silent == []


def test_what_a_task_imports_is_compiled_once(deliver: Cli, tmp_path: Path) -> None:
    assert deliver("config", PYTHONPYCACHEPREFIX=str(tmp_path / "cache")).returncode == 0

    assert list((tmp_path / "cache").rglob("deliver/config/load*.pyc"))


def test_nobody_needs_to_read_it_all_or_at_all() -> None:
    deliver = f"{sys.executable} -c 'from deliver.cli.program import main; main()'"
    for tail in ("--list | true", "--list >&-", "config --config /no/such 2>&-", "--help try-it | head -c 1"):
        ended = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {deliver} {tail}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in ended.stderr
        assert "Exception" not in ended.stderr
        assert ended.returncode in {0, 64, 78}


@pytest.mark.parametrize(
    "words", [["nosuch", "--json"], ["config", "--json", "--bogus"], ["config", "--json", "--set"]]
)
def test_a_wrong_command_line_has_its_document_too(deliver: Cli, words: list[str]) -> None:
    ended = deliver(*words)

    assert ended.returncode == 64
    assert json.loads(ended.stdout)["error"]["kind"] == "UsageError"
    assert "error: " in ended.stderr
