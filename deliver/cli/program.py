"""The console command `deliver`: Invoke's program over our tasks, without Invoke's own options."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from deliver import __version__
from deliver.cli.namespace import namespace
from deliver.errors import UsageError

#: What remains of Invoke's own options: the others are about running local shell commands.
KEPT = frozenset({"complete", "help", "list", "list-depth", "list-format", "print-completion-script", "version"})
_COMMON_FLAGS = frozenset({"--json", "--verbose"})
_COMMON = _COMMON_FLAGS | {"--config", "--set"}
#: How Invoke says that an option lacks its value.
_LACKING = re.compile(r"Flag <\w+: ([\w-]+).*> needed value")
_HELP = frozenset({"-h", "--help"})


class Deliver(Program):
    """Invoke's program, with our exit code for a wrong command line."""

    def core_args(self) -> list[Any]:
        """Return the options that stand before a task."""
        return [argument for argument in super().core_args() if argument.names[0] in KEPT]

    def normalize_argv(self, argv: list[str] | None) -> None:
        """Take the command line; a task's `--help` must not become the value of its first argument."""
        super().normalize_argv(argv)
        self.argv = [*self.argv[:1], *_behind_task(self.argv[1:])]
        words = self.argv[1 : self.argv.index("--")] if "--" in self.argv else self.argv[1:]
        asked = next((at for at, word in enumerate(words) if word in _HELP), 0)
        known = self.namespace.task_names if self.namespace else {}
        tasks = [word for word in words[:asked] if word in known]
        if tasks:
            self.argv = [self.argv[0], "--help", tasks[-1]]

    def parse_core(self, argv: list[str] | None) -> None:
        """Read what stands before the first task."""
        self.normalize_argv(argv)
        with _usage(self):
            self.parse_core_args()
        if self.args.version.value:
            self.print_version()
            raise Exit
        if self.args["print-completion-script"].value:
            self._print_completion()

    def parse_tasks(self) -> None:
        """Read the tasks and their options."""
        with _usage(self):
            super().parse_tasks()
            # `--tag "$TAG"` with a variable that is not set must not mean the newest tag.
            empty = [one for task in self.tasks for one in task.args.values() if one.raw_value == ""]
            if empty:
                raise ParseError(f"--{empty[0].name.replace('_', '-')} needs a value, and was given an empty one")

    def parse_cleanup(self) -> None:
        """Answer what is asked without running a task."""
        with _usage(self):
            super().parse_cleanup()

    def update_config(self, merge: bool = True) -> None:
        """Leave Invoke's configuration as it is: our tasks have their own."""
        if merge:
            self.config.merge()

    def no_tasks_given(self) -> None:
        """List the tasks."""
        self.list_tasks()
        raise Exit

    def task_list_opener(self, extra: str = "") -> str:
        """Return what stands above the list of tasks."""
        return f"Tasks (`{self.binary} --help TASK` shows the options of one){extra}"

    def print_help(self) -> None:
        """Show how a command line looks, our options, and the tasks."""
        self._say(f"Usage: {self.binary} TASK [options of the task] ...", "", "Options:", "")
        self.print_columns(self.initial_context.help_tuples())
        self.list_tasks()

    def print_task_help(self, name: str) -> None:
        """Show what a task is for, and its options."""
        about = inspect.getdoc(self.collection[name]) or ""
        self._say(f"Usage: {self.binary} {name} [options]", "", textwrap.indent(about, "  "), "", "Options:", "")
        self.print_columns(self.parser.contexts[name].help_tuples())

    def _say(self, *lines: str) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in lines))

    def _print_completion(self) -> None:
        from invoke.completion.complete import print_completion_script  # hardly ever needed

        print_completion_script(shell=self.args["print-completion-script"].value, names=self.binary_names)
        raise Exit


def _behind_task(words: list[str]) -> list[str]:
    """Return `words` with the options that every task has, when they stand before the first task, put behind it."""
    at = 0
    while at < len(words) and words[at].partition("=")[0] in _COMMON:
        at += 1 if "=" in words[at] or words[at] in _COMMON_FLAGS else 2
    return [*words[at : at + 1], *words[:at], *words[at + 1 :]]


@contextmanager
def _usage(program: Program) -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        hint = f"`{program.binary} --list` shows the tasks; options stand after their task"
        if "--json" in program.argv:
            _print_document(_told(error), hint)
        raise Exit(f"error: {_told(error)}\n  do:  {hint}", UsageError.exit_code) from None


def _print_document(message: str, hint: str) -> None:
    told = {"kind": UsageError.__name__, "message": message, "hint": hint, "code": UsageError.exit_code, "log": None}
    sys.stdout.write(json.dumps({"error": told}, indent=2) + "\n")


def _told(error: ParseError) -> str:
    lacking = _LACKING.match(str(error))
    return f"--{lacking[1].strip('_').replace('_', '-')} needs a value" if lacking else str(error)


def main() -> None:
    """Run `deliver` with the process's arguments, and end the process."""
    program = Deliver(
        version=__version__, namespace=namespace(), name="deliver", binary="deliver", binary_names=["deliver"]
    )
    with _for_any_reader():
        program.run(sys.argv)


@contextmanager
def _for_any_reader() -> Iterator[None]:
    """Make it no failure that somebody reads only the beginning: `deliver --list | head -1`."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python will try once more at its end
