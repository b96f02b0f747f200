"""What a running node is asked and told in an upgrade, through `deliver_node`, which is in it for that time only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deliver.config.schema import Host
from deliver.errors import NodeError
from deliver.node.answer import decode
from deliver.otp.terms import Atom, write
from deliver.otp.upgrade import snapshot as snapshots
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.remote.completed import Completed
from deliver.remote.script import Argument, script
from deliver.remote.session import Session

#: Seconds for one question; `deliver_node` itself gives up before.
PATIENCE = 60.0
#: Seconds that the script may take beyond that.
MARGIN = 10

# One that is loaded is used when it is the same; what runs of another is ended first. Embedded nodes look for no code
# by themselves.
_LOAD = """Load = fun(Name, File) ->
    {{ok, Code}} = file:read_file(File ++ ".beam"),
    case erlang:module_loaded(Name) andalso Name:module_info(md5) =:= code:module_md5(Code) of
        true -> ok;
        false ->
            catch deliver_node:unwatch(),
            code:purge(Name),
            {{module, Name}} = code:load_binary(Name, File ++ ".beam", Code)
    end
end,
Load(deliver_json, {json}),
Load(deliver_node, {node}),
"""
# Looking through all processes for old code takes longer than asking whether there is any.
_UNLOAD = """lists:foreach(
    fun(One) ->
        erlang:check_old_code(One) andalso code:purge(One),
        code:delete(One) andalso code:purge(One)
    end,
    [deliver_relup, deliver_json, deliver_node]
),
"""


@dataclass(frozen=True)
class Preflight:
    """Whether a node may be changed.

    Args:
        current: the version that runs.
        permanent: the version that it boots.
        incarnation: see `Standing`.
        releases: what `release_handler` knows: status by version.
        known: whether it knows what runs, with its libraries, and the version that is to run.
        problems: why the node must not be changed now.
        unreached: processes with a changed callback module that `release_handler` does not find, and so would neither
            hold nor tell of the change: `{pid, name, callback}`.
    """

    current: str
    permanent: str
    incarnation: str
    releases: Mapping[str, str]
    known: bool
    problems: list[str]
    unreached: list[dict[str, str]]


@dataclass(frozen=True)
class Standing:
    """Where a node stands in a change.

    Args:
        current: the version that runs.
        permanent: the version that it boots.
        incarnation: another one after each start, and after each restart inside the node.
    """

    current: str
    permanent: str
    incarnation: str


@dataclass(frozen=True)
class Agent:
    """A node that can be asked more than others.

    Args:
        session: an open session to its host.
        host: whose node.
        app: the release's name.
        beams: the directory on the host that has our compiled modules.
    """

    session: Session
    host: Host
    app: str
    beams: str

    def watch(self, salt: str) -> None:
        """Have the node keep what is logged as an error from now on."""
        self._ask("watch", salt)

    def unwatch(self) -> None:
        """Have it keep no errors any more."""
        self._ask("unwatch")

    def snapshot(self, salt: str) -> Snapshot:
        """Ask for all that an upgrade may change; values that may be secret come hashed with `salt`."""
        return snapshots.parse(json.dumps(self._ask("snapshot", salt)))

    def preflight(self, modules: Iterable[str], held: Mapping[str, int] | None = None) -> list[str]:
        """Return why the node must not be changed now; nothing is changed by asking."""
        return self.examine(modules, held=held).problems

    def examine(
        self, modules: Iterable[str], old: str = "", new: str = "", held: Mapping[str, int] | None = None
    ) -> Preflight:
        """Ask whether the node may be changed; nothing is changed by asking.

        Args:
            modules: those that the upgrade loads or removes.
            old: the version that should run; empty for any.
            new: the version that is to run; empty for any.
            held: milliseconds to wait for the processes of each module that are held, by module.
        """
        return Preflight(**self._ask(*self.examination(modules, old, new, held)))

    @staticmethod
    def examination(
        modules: Iterable[str], old: str = "", new: str = "", held: Mapping[str, int] | None = None
    ) -> tuple[Any, ...]:
        """Return the words of the question that `examine` asks."""
        waits = [(Atom(name), milliseconds) for name, milliseconds in (held or {}).items()]
        return ("preflight", old, new, [Atom(one) for one in modules], waits)

    def adopt(self, root: str) -> bool:
        """Have `release_handler` know what is installed, unless it does; return whether it did not.

        Raises:
            NodeError: it cannot: what runs is not what was installed, or it works elsewhere.
        """
        return bool(self._ask("adopt", root))

    def introduce(self, root: str, name: str, version: str) -> None:
        """Have `release_handler` know a version that is in its place."""
        self._ask("introduce", root, name, version)

    def install(self, version: str, timeout: float) -> int:
        """Install a version; return the milliseconds it took.

        Raises:
            NodeError: it was not installed; when the node restarts for it, the connection may be lost.
        """
        told = self._ask("install", version, round(timeout * 1000), deadline=timeout + PATIENCE)
        if told["outcome"] != "installed":
            raise NodeError(f"{self.host.name}: {_failed(version, told)}")
        return int(told["milliseconds"])

    def change(self, salt: str, root: str, name: str, version: str, timeout: float) -> tuple[Snapshot, Snapshot, int]:
        """Watch, adopt, introduce and install, in one question; return the node before, after, and the milliseconds.

        Raises:
            NodeError: it was not installed; when the node restarts for it, the connection may be lost.
        """
        milliseconds = round(timeout * 1000)
        told = self._ask("change", salt, root, name, version, milliseconds, deadline=timeout + 4 * PATIENCE)
        if told["outcome"] != "installed":
            raise NodeError(f"{self.host.name}: {_failed(version, told)}")
        if "silent" in told["after"]:
            raise NodeError(f"{self.host.name}: {version} was installed, but then: {told['after']['silent']}")
        before, after = (snapshots.parse(json.dumps(told[key])) for key in ("before", "after"))
        return before, after, int(told["milliseconds"])

    def standing(self) -> Standing:
        """Ask what runs, what boots next, and whether that is still the same node."""
        return Standing(**self._ask("standing"))

    def commit(self, version: str) -> list[dict[str, Any]]:
        """Make the version that runs the permanent one; return who ran old code until then: `{pid, name, modules}`."""
        lingering: list[dict[str, Any]] = self._ask("commit", version)["lingering"]
        return lingering

    def leave(self) -> None:
        """Leave nothing of ours in the node."""
        self._ask("leave", after=_UNLOAD)

    def question(
        self, function: str, *arguments: Any, deadline: float = PATIENCE, after: str = ""
    ) -> dict[str, Argument]:
        """Return a question as the arguments of `ask.sh`, for a script that asks it among other things."""
        loads = _LOAD.format(json=write(f"{self.beams}/deliver_json"), node=write(f"{self.beams}/deliver_node"))
        exprs = f"{loads}Answer = deliver_node:call({function}, {write(list(arguments))}),\n{after}Answer."
        return {"path": self.host.path, "app": self.app, "exprs": exprs, "seconds": round(deadline)}

    def farewell(self, version: str) -> dict[str, Argument]:
        """Return the question that makes a version permanent, and leaves nothing of ours in the node."""
        return self.question("finish", version, after=_UNLOAD)

    def answer(self, done: Completed) -> Any:
        """Return what `ask.sh` was answered.

        Raises:
            NodeError: it was not, or the node could not do it.
        """
        told = dict(done.facts())
        if "down" in told:
            raise NodeError(f"{self.host.name}: the node does not run at {told['down'][0]}")
        if "silence" in told:
            raise NodeError(f"{self.host.name}: the node did not answer: {told['silence'][0]}")
        answer = json.loads(decode(told["answer"][0]))
        if "error" in answer:
            full = "the disk is full: " if "enospc" in answer["error"] else ""
            raise NodeError(f"{self.host.name}: {full}{answer['error']}")
        return answer["ok"]

    def _ask(self, function: str, *arguments: Any, deadline: float = PATIENCE, after: str = "") -> Any:
        given = self.question(function, *arguments, deadline=deadline, after=after)
        made = script("ask.sh", given, parts=("node.sh",))
        return self.answer(self.session.run(made, deadline=deadline + MARGIN))


def _failed(version: str, told: Mapping[str, str]) -> str:
    reason = told["reason"] or "its relup asks for that"
    match told["outcome"]:
        case "failed_before":
            return f"release_handler refused {version}: {reason}; nothing was changed"
        case "restarting":
            return f"the node restarts, after release_handler began to install {version}: {reason}"
        case _:
            return f"release_handler did not say that it installed {version}: {reason}"
