"""Bringing commits to the build host: what it lacks, as one pack for each repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deliver import source as git
from deliver.errors import BuildError
from deliver.remote.script import Script, script
from deliver.remote.session import Session
from deliver.remote.who import holder
from deliver.source import Pack, Source, Submodule

_PARTS = ("node.sh", "lock.sh", "build_git.sh")
_CUT = "cut/"


@dataclass(frozen=True)
class Ready:
    """What a build host has.

    Args:
        whole: objects that are there with all that they lead to.
        cut: commits that are there without all of their history.
        missing: programs that are not there.
        compression: the best that it can compress with: `zstd` or `gzip`.
    """

    whole: frozenset[str] = frozenset()
    cut: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    compression: str = "gzip"


@dataclass
class Sender:
    """Sends a commit, its tag and its submodules.

    Args:
        session: to the build host.
        path: the directory below which it builds.
        app: the application.
        timeout: seconds for each pack.
        sent: bytes that went there.
    """

    session: Session
    path: str
    app: str
    timeout: float
    sent: int = field(default=0, init=False)

    def send(self, source: Source, submodules: Iterable[Submodule], ready: Ready) -> None:
        """Send what the host lacks; nothing when it has everything.

        Raises:
            SourceError: git could not pack it here.
            RemoteError: git could not unpack it there.
        """
        for pack in packs(source, submodules):
            is_cut = (pack.git_dir / "shallow").is_file()
            present = ready.whole | ready.cut if is_cut else ready.whole
            refs = [f"{_CUT if is_cut else ''}{sha}" for sha in pack.names if sha not in present]
            if refs:
                have = [*ready.whole, *(f"{sha}^{{tree}}" for sha in ready.cut)]
                self._send(pack, have, refs, source.label)

    def _send(self, pack: Pack, have: list[str], refs: list[str], label: str) -> None:
        self.session.run(self._script(refs, label), deadline=self.timeout, stdin=self._counted(git.pack(pack, have)))

    def _script(self, refs: list[str], label: str) -> Script:
        arguments = {
            "path": self.path,
            "app": self.app,
            "holder": holder("send", label),
            "refs": " ".join(refs),
        }
        return script("receive.sh", arguments, parts=_PARTS)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.sent += len(piece)
            yield piece


def packs(source: Source, submodules: Iterable[Submodule]) -> list[Pack]:
    """Return what makes up a commit: the repository's own part, then one for each submodule's repository."""
    own = Pack(Path(git.common_dir(source.repository)), (source.commit,), source.tag_object)
    commits: dict[Path, list[str]] = {}
    for one in submodules:
        commits.setdefault(one.git_dir, []).append(one.commit)
    return [own, *(Pack(where, tuple(dict.fromkeys(shas))) for where, shas in commits.items())]


def cuts(packed: Iterable[Pack]) -> tuple[str, ...]:
    """Return the commits at which the history of any of the repositories is cut."""
    files = [pack.git_dir / "shallow" for pack in packed]
    return tuple(sha for file in files if file.is_file() for sha in file.read_text("ascii").split())


def prepare(session: Session, asking: Script) -> Ready:
    """Ask a build host what it has.

    Args:
        session: to the build host.
        asking: `plan.prepare_script`.

    Raises:
        BuildError: it lacks a program.
    """
    said: dict[str, list[str]] = {"missing": [], "have": [], "tool": []}
    for key, values in session.run(asking).facts():
        said[key] += values
    if said["missing"]:
        raise BuildError(
            f"{session.name} lacks {', '.join(said['missing'])}",
            hint="install it there; where only a login shell finds it (asdf, mise, kerl), set login_profile = true "
            "under [build]",
        )
    return Ready(
        whole=frozenset(sha for sha in said["have"] if not sha.startswith(_CUT)),
        cut=frozenset(sha.removeprefix(_CUT) for sha in said["have"] if sha.startswith(_CUT)),
        compression="zstd" if "zstd" in said["tool"] else "gzip",
    )
