"""Evaluating code on a running node."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

from deliver.config.schema import Host
from deliver.errors import DeadlineError, NodeError
from deliver.node.answer import decode
from deliver.remote.script import Argument, payload, script
from deliver.remote.session import Session

Language = Literal["auto", "elixir", "erlang"]

#: Bytes that are kept of what an expression prints, and of what it comes to.
MOST = 1_000_000
#: Seconds that a script may take beyond the expression's own.
MARGIN = 20


@dataclass(frozen=True)
class Result:
    """What came of an expression.

    Args:
        host: where it was evaluated.
        value: what it came to, as Elixir's `inspect` or Erlang's `~tp` shows it; or the error's text.
        printed: what it printed.
        failed: whether it raised an error.
    """

    host: str
    value: str
    printed: str
    failed: bool


def evaluate(
    session: Session, host: Host, app: str, code: str, *, language: Language = "auto", deadline: float = 60.0
) -> Result:
    """Evaluate `code` on the node of `host`.

    Args:
        session: an open session to `host`.
        host: whose node.
        app: the release's name.
        code: Elixir code, or Erlang expressions with or without their full stop.
        language: what the code is; `auto` takes Elixir where the node has it.
        deadline: seconds after which the evaluation is killed on the node.

    Raises:
        NodeError: the node does not run or does not answer.
        DeadlineError: the evaluation was not done in time.
        RemoteError: the host cannot do it.
    """
    exprs = expressions(code, language, deadline)
    return result(host.name, asked(session, host, app, exprs, round(deadline) + MARGIN // 2), deadline)


def asked(session: Session, host: Host, app: str, exprs: str, seconds: int = 10) -> str:
    """Have the node of `host` evaluate Erlang expressions, and return what it printed, for `decode`.

    Raises:
        NodeError: the node does not run or does not answer.
        DeadlineError: the host did not tell in time, or the connection was lost.
        RemoteError: the host cannot do it.
    """
    arguments: dict[str, Argument] = {"path": host.path, "app": app, "exprs": exprs, "seconds": seconds}
    made = script("ask.sh", arguments, parts=("node.sh",))
    told = dict(session.run(made, deadline=float(seconds + MARGIN // 2)).facts())
    if "down" in told:
        raise NodeError(f"{host.name}: the node does not run at {told['down'][0]}", hint="start it with: start")
    if "silence" in told:
        raise NodeError(f"{host.name}: the node does not answer: {told['silence'][0]}")
    return told["answer"][0]


def expressions(code: str, language: Language, deadline: float) -> str:
    """Return Erlang expressions that evaluate `code`."""
    encoded = base64.b64encode(_trimmed(code, language).encode()).decode()
    bound = f'Code = "{encoded}", Language = "{language}", Patience = {round(deadline * 1000)}, Most = {MOST},\n'
    return bound + payload("rpc.exprs")


def _trimmed(code: str, language: Language) -> str:
    # Erlang's full stop is ours to add; no Elixir code ends with one.
    text = code.strip()
    return text if language == "elixir" else text.removesuffix(".")


def result(host: str, printed: str, deadline: float) -> Result:
    """Return what came of `expressions`, by what the node of `host` printed.

    Raises:
        NodeError: it printed something else.
        DeadlineError: the evaluation was not done in time.
    """
    outcome, said, value = (decode(printed).decode("ascii") + "\n\n").split("\n")[:3]
    if outcome == "late":
        raise DeadlineError(
            f"{host}: the expression was not done within {deadline:g} s, and was ended",
            hint="give it longer with --deadline",
            output=_text(said)[-4000:],
        )
    return Result(host, _text(value), _text(said), failed=outcome == "error")


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "replace")
