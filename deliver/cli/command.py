"""How a function becomes an Invoke task: its options, its configuration, its output, its exit code."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.tasks import Task

from deliver.cli import signals
from deliver.cli.output import Output
from deliver.errors import DeliverError, UsageError

if TYPE_CHECKING:
    from deliver.config.schema import Config

#: The exit code of a failure that nobody foresaw (EX_SOFTWARE).
UNFORESEEN = 70

_COMMON = {
    "config": "The configuration file; else DELIVER_CONFIG, else deliver.toml here or in a directory above.",
    "set": "A key of the configuration for this run, as key=value (build.host=local); may be repeated.",
    "json": "Write one JSON document to stdout.",
    "verbose": "Show the scripts that run on hosts, and all that they say.",
}


@dataclass
class Run:
    """One run of a task.

    Args:
        out: takes all that is shown.
        json: whether stdout has JSON.
        verbose: whether everything is shown.
        config_file: what `--config` says; empty for nothing.
        settings: what `--set` says.
    """

    out: Output
    json: bool = False
    verbose: bool = False
    config_file: str = ""
    settings: Sequence[str] = ()

    @cached_property
    def file(self) -> Path:
        """The configuration file of this run.

        Raises:
            ConfigError: there is none.
        """
        from deliver.config import load  # `--list` does without a TOML reader

        named = self.config_file or os.environ.get("DELIVER_CONFIG", "")
        return load.named(Path(named)) if named else load.find(Path.cwd())

    @cached_property
    def config(self) -> Config:
        """The configuration of this run, read when it is first needed.

        Raises:
            ConfigError: it is wrong, or there is none.
        """
        from deliver.config import load  # `--list` does without a TOML reader

        config = load.load(self.file, self.settings, os.environ)
        self.out.hide(load.secrets(config))
        return config

    @property
    def log_directory(self) -> Path | None:
        """Where logs go: beside the configuration; None where there is none."""
        try:
            return self.file.parent / ".deliver" / "logs"
        except DeliverError:
            return None


Body = Callable[..., int | None]


class Number(Argument):
    """An option that is a number; kept as text until we read it: Invoke makes a traceback of one that is none."""

    def set_value(self, value: Any, cast: bool = True) -> None:
        """Keep what was given."""
        super().set_value(value, cast and self.kind is not int)


class Command(Task[Any]):
    """An Invoke task whose repeatable options insist on a value: `--host` alone must not mean every host."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Any]:
        """Return Invoke's arguments, with no repeatable one counted as given before it was."""
        arguments = super().get_arguments(ignore_unknown_help)
        for argument in arguments:
            if argument.kind is list:
                argument.raw_value = None
        return [_number(argument) if argument.kind is int else argument for argument in arguments]


def _number(argument: Argument) -> Number:
    return Number(
        names=argument.names,
        kind=int,
        default=argument.default,
        help=argument.help,
        attr_name=argument.attr_name,
    )


def command(
    *,
    help: Mapping[str, str] | None = None,  # noqa: A002  # Invoke's word for it
    iterable: Sequence[str] = (),
    positional: Sequence[str] = (),
    name: str | None = None,
) -> Callable[[Body], Task[Any]]:
    """Make an Invoke task of a function `(run: Run, *, option=default, ...) -> int | None`.

    An option is text, a flag, a whole number or a number, by the type of its default. A function that returns a number
    ends the process with it. The task also takes --config, --set, --json and --verbose, tells a `DeliverError` as
    one message with its exit code, and ends with 130 on Ctrl-C, 143 on SIGTERM, 70 on what nobody foresaw.

    Args:
        help: one line for each option.
        iterable: options that may be repeated; their values arrive as a list of text.
        positional: options that are also taken by their place.
        name: the task's name; else the function's.
    """

    def decorate(body: Body) -> Task[Any]:
        options = list(inspect.signature(body).parameters.values())[1:]
        task_name = name or body.__name__.strip("_").replace("_", "-")
        return Command(
            _invoke_body(task_name, body, options, tuple(positional)),
            name=task_name,
            help={**_COMMON, **(help or {})},
            iterable=[*iterable, "set"],
            positional=list(positional),
            auto_shortflags=False,
        )

    return decorate


def _invoke_body(
    task: str, body: Body, options: list[inspect.Parameter], positional: tuple[str, ...]
) -> Callable[..., None]:
    def invoked(_context: Context, **given: Any) -> None:
        common = {key: given.pop(key) for key in _COMMON}
        status = _guarded(task, common, lambda run: body(run, **_converted(task, options, positional, given)))
        if status:
            raise Exit(code=status)

    invoked.__name__ = body.__name__
    invoked.__doc__ = body.__doc__
    invoked.__module__ = body.__module__
    invoked.__signature__ = _signature(options, positional)  # type: ignore[attr-defined]
    return invoked


def _signature(options: list[inspect.Parameter], positional: tuple[str, ...]) -> inspect.Signature:
    word = inspect.Parameter.POSITIONAL_OR_KEYWORD
    shown = [inspect.Parameter("context", word)]
    for one in options:
        default = None if one.name in positional else _shown_default(one.default)
        shown.append(inspect.Parameter(one.name, word, default=default))
    defaults = {"config": "", "set": None, "json": False, "verbose": False}
    shown += [inspect.Parameter(key, word, default=default) for key, default in defaults.items()]
    return inspect.Signature(shown)


def _shown_default(default: Any) -> Any:
    if isinstance(default, float):
        return str(default)
    return None if isinstance(default, tuple | list) else default


def _converted(
    task: str, options: list[inspect.Parameter], positional: tuple[str, ...], given: Mapping[str, Any]
) -> dict[str, Any]:
    if {"-h", "--help"} & {given.get(one) for one in positional}:
        raise UsageError(f"{task} takes its first word as it is", hint=f"--help {task} shows its options")
    return {one.name: _value(one, given[one.name]) for one in options}


def _value(option: inspect.Parameter, given: Any) -> Any:
    kind = type(option.default)
    if kind not in {int, float}:
        return given
    try:
        return kind(given)
    except ValueError:
        flag = "--" + option.name.strip("_").replace("_", "-")
        what = "a whole number" if kind is int else "a number"
        raise UsageError(f"{flag} needs {what}, not {given!r}") from None


def _guarded(task: str, common: Mapping[str, Any], work: Callable[[Run], int | None]) -> int:
    out = Output(task, json=common["json"], verbose=common["verbose"], log_directory=lambda: run.log_directory)
    run = Run(out, common["json"], common["verbose"], common["config"], tuple(common["set"]))
    try:
        with signals.ending():
            return _outcome(run, work)
    finally:
        out.close()


def _outcome(run: Run, work: Callable[[Run], int | None]) -> int:
    try:
        status = work(run)
        run.out.finish()
    except DeliverError as error:
        run.out.fail(error)
        return error.code
    except KeyboardInterrupt as interrupt:
        run.out.fail(_InterruptedError(interrupt))
        return signals.status(interrupt)
    except Exit:
        raise
    except Exception as error:  # noqa: BLE001  # the border: nothing passes it as a traceback
        run.out.fail(_UnforeseenError(error), detail=traceback.format_exc())
        return UNFORESEEN
    return status or 0


class _InterruptedError(DeliverError):
    """The operator, or the machine, ended the run."""

    def __init__(self, interrupt: KeyboardInterrupt) -> None:
        name = str(interrupt) or "Ctrl-C"
        super().__init__(f"interrupted ({name})", hint="the same command, run again, goes on from what is there")
        self._code = signals.status(interrupt)

    @property
    def code(self) -> int:
        """The exit status of the interrupting signal."""
        return self._code


class _UnforeseenError(DeliverError):
    """What nobody foresaw: a fault of ours."""

    exit_code = UNFORESEEN

    def __init__(self, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        super().__init__(f"deliver itself failed: {what}", hint="this is a fault of deliver: report it with its log")
