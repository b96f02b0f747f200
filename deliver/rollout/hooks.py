"""Command lines of the operator's that run beside a roll, each on its occasion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deliver.config.schema import Environment, Host, Occasion
from deliver.errors import DeliverError
from deliver.remote.session import Session
from deliver.report import Report
from deliver.rollout.lines import About, operator, run_line


@dataclass(frozen=True)
class Setting:
    """What the hooks of a roll share.

    Args:
        environment: whose hooks.
        app: the release's name.
        version: that the roll brings; empty for none.
        session_to: gives an open session to a host, for hooks that run there.
        report: hears what hooks write, and of those whose failure is only told.
        directory: where hooks run on the operator's machine; empty for the current one.
    """

    environment: Environment
    app: str
    version: str
    session_to: Callable[[Host], Session]
    report: Report
    directory: str = ""


def run_hook(setting: Setting, occasion: Occasion, hosts: Sequence[Host]) -> str:
    """Run the hook of an occasion, where there is one, and return what was done; empty for nothing.

    Args:
        setting: the roll.
        occasion: which hook.
        hosts: those that it is about: one, a batch, or all of the roll; the first is where it runs `on = "host"`.

    Raises:
        DeliverError: it failed, or could not be run, and its failure stops the roll.
    """
    hook = setting.environment.hooks.get(occasion)
    if hook is None or not hook.run:
        return ""
    names = tuple(host.name for host in hosts)
    about = About(setting.app, setting.environment.name, setting.version, names[0] if names else "", names, occasion)

    def run(session: Session, directory: str = "") -> None:
        timeout = hook.timeout
        run_line(session, f"the hook {occasion}", hook.run, about.variables(), timeout=timeout, directory=directory)

    try:
        if hook.on == "host":
            run(setting.session_to(hosts[0]))
        else:
            with operator(setting.report) as here:
                run(here, setting.directory)
    except DeliverError as error:
        if hook.failure == "stop":
            raise
        setting.report.warn(error.message)
        return f"the hook {occasion} failed; that stops nothing"
    return f"the hook {occasion} was run"
