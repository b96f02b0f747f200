from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver.errors import DeadlineError, NodeError
from deliver.node.call import Language, Result, evaluate, expressions
from tests.node.releases import COOKIE, Installed, command_lines, eventually, installed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(mix_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """One node for all that only asks."""
    with installed(
        mix_release, tmp_path_factory.mktemp("asked") / "my apps", f"deliver_test_asked_{os.getpid()}"
    ) as found:
        (found.root / "releases" / "COOKIE").write_text(COOKIE)
        found.give(PORT="0")
        found.start()
        yield found


def ask(release: Installed, code: str, language: Language = "auto", deadline: float = 20.0) -> Result:
    return evaluate(release.session, release.host, release.app, code, language=language, deadline=deadline)


def test_elixir_comes_back_inspected_with_what_it_printed(up: Installed) -> None:
    found = ask(up, 'IO.puts("größer √"); %{a: "ü", b: [1, 2, 3]}')

    assert found.printed == "größer √\n"
    assert found.value == '%{a: "ü", b: [1, 2, 3]}'
    assert not found.failed


@pytest.mark.parametrize("code", ['io:format("~ts~n", ["√"]), {1, "a"}.', 'io:format("~ts~n", ["√"]), {1, "a"} % why'])
def test_erlang_needs_no_full_stop(up: Installed, code: str) -> None:
    found = ask(up, code.replace("√", r"\x{221A}"), "erlang")

    assert found.printed == "√\n"
    assert found.value == '{1,"a"}'


def test_an_application_of_the_release_can_be_called(up: Installed) -> None:
    assert ask(up, "Application.spec(:counter, :vsn)").value == "'0.1.0'"


def test_clients_whose_name_another_one_has_take_another(up: Installed, tmp_path: Path) -> None:
    call = next(up.root.glob("erts-*/bin/erl_call"), None) or shutil.which("erl_call")
    (tmp_path / ".erlang.cookie").write_text(COOKIE)
    (tmp_path / ".erlang.cookie").chmod(0o400)
    words = [str(call), "-sname", ask(up, "node()").value.removeprefix(":").strip('"'), "-a", "timer sleep [20000]"]
    env = {**os.environ, "HOME": str(tmp_path)}
    others = [subprocess.Popen([*words, "-h", f"deliver_{number}"], env=env) for number in range(32)]
    try:
        eventually(lambda: int(ask(up, "length(:erlang.nodes(:hidden))").value) >= len(others))

        assert [ask(up, "1").value for _ in range(8)] == ["1"] * 8
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_code_is_data_to_every_shell_on_its_way(up: Installed) -> None:
    code = '"$HOME `id` \\\\ \' \\" \n\ttwo lines" |> String.length()'

    assert ask(up, code).value == str(len("$HOME `id` \\ ' \" \n\ttwo lines"))


@pytest.mark.parametrize(
    ("code", "language", "why"),
    [
        ('raise "boo"', "elixir", "(RuntimeError) boo"),
        ("foo(", "elixir", "missing terminator"),
        ("exit(:why_not)", "elixir", "(exit) :why_not"),
        ("Process.exit(self(), :kill)", "elixir", "killed"),
        ("erlang:error(why_not)", "erlang", "error: why_not"),
        ("foo bar", "erlang", "line 1: syntax error before: bar"),
        ('"abc', "erlang", "unterminated string"),
    ],
)
def test_an_error_in_the_code_is_told_and_harms_nobody(up: Installed, code: str, language: Language, why: str) -> None:
    found = ask(up, code, language)

    assert found.failed
    assert why in found.value
    assert ask(up, "1 + 1").value == "2"


def test_results_of_any_length_arrive(up: Installed) -> None:
    found = ask(up, 'IO.write(String.duplicate("√", 100_000)); String.duplicate("x", 90_000)')

    assert found.printed == "√" * 100_000
    assert found.value == f'"{"x" * 90_000}"'


def test_no_code_can_fill_the_memory_with_what_it_prints(up: Installed) -> None:
    found = ask(up, 'for _ <- 1..30, do: IO.write(String.duplicate("x", 100_000)); :done')

    assert found.value == ":done"
    assert len(found.printed) == 1_000_000


def test_input_is_at_its_end(up: Installed) -> None:
    assert ask(up, 'IO.gets("name? ")').value == ":eof"


def test_what_takes_too_long_is_ended_on_the_node(up: Installed) -> None:
    code = "Process.register(self(), :slow_one); IO.puts(:begun); Process.sleep(60_000)"

    with pytest.raises(DeadlineError, match="was not done within 1 s") as told:
        ask(up, code, deadline=1)

    assert told.value.output == "begun\n"
    assert ask(up, "Process.whereis(:slow_one)").value == "nil"


def test_nothing_is_left_on_the_node(up: Installed) -> None:
    count = "length(:erlang.processes())"
    before = int(ask(up, count).value)

    for _ in range(5):
        ask(up, "1")

    assert abs(int(ask(up, count).value) - before) < 3


def test_code_is_in_no_command_line(up: Installed) -> None:
    marked = 'String.length("a_word_that_nobody_should_see"); Process.sleep(300)'

    ask(up, marked)

    assert not [words for _, words in command_lines() if b"a_word_that_nobody_should_see" in words]


def test_a_node_that_is_down_is_said_to_be(mix: Installed) -> None:
    with pytest.raises(NodeError, match="the node does not run") as told:
        ask(mix, "1")

    assert "start" in told.value.hint


def test_a_node_that_ends_meanwhile_is_said_to_have_ended(mix: Installed) -> None:
    mix.start()

    with pytest.raises(NodeError, match="it ended, or could not go on, while it evaluated"):
        ask(mix, "System.halt(0)")


def test_a_suspended_node_is_not_waited_for(mix: Installed) -> None:
    started = mix.start()
    os.kill(started.pid, signal.SIGSTOP)

    with pytest.raises(NodeError, match="suspended by a signal"):
        ask(mix, "1", deadline=600.0)


def test_erlang_is_what_a_release_without_elixir_understands(relx: Installed) -> None:
    relx.start()

    assert ask(relx, "lists:sum([1, 2])").value == "3"


def test_the_full_stop_is_ours_to_write() -> None:
    assert expressions("1.", "erlang", 1) == expressions(" 1 ", "erlang", 1)
