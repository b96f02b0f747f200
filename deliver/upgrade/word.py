"""What developers say of a pair: found in the repository at the tag, and read on the build host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from deliver import source
from deliver.config.schema import Config
from deliver.errors import BuildError, SourceError, UsageError
from deliver.otp.release import Release
from deliver.otp.terms import Atom, write
from deliver.otp.upgrade import appup as appups
from deliver.otp.upgrade import hints_file
from deliver.otp.upgrade.appup import Chosen
from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.facts import Facts
from deliver.otp.upgrade.hints import Hints
from deliver.otp.upgrade.hints_file import HintsFile, Understood
from deliver.otp.upgrade.pair import Finding
from deliver.otp.upgrade.plan import Plan
from deliver.remote.script import payload
from deliver.ship.stream import tar, text_member
from deliver.upgrade.workbench import PATIENCE, Workbench

#: Where the repository has what the programs of `upgrade.patch` find beside them.
PATCH = ".deliver/patch/"


@dataclass(frozen=True)
class AppupFile:
    """An appup of the repository.

    Args:
        app: the application that it is of.
        rank: which kind of place it is in.
        path: in the repository.
        text: what it holds.
    """

    app: str
    rank: int
    path: str
    text: str

    @property
    def kind(self) -> str:
        """How it is read: as a `term`, as a `template`, which may compute it too, or in `elixir`."""
        return {".src": "template", ".exs": "elixir"}.get(Path(self.path).suffix, "term")


@dataclass(frozen=True)
class Word:
    """All that developers say of a pair, as it was found.

    Args:
        hints: the hints file.
        files: appups of the repository.
        bumped: the old and the new version of each application of both releases that has another one.
        findings: what could not be found.
        patch_files: what the programs of `upgrade.patch` find beside them, by name.
        digest: of all of it.
    """

    hints: HintsFile | None = None
    files: tuple[AppupFile, ...] = ()
    bumped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    patch_files: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True)
class Heard:
    """What was made of a word.

    Args:
        hints: the hints, held against both releases.
        chosen: the appups that count.
    """

    hints: Hints = field(default_factory=Hints)
    chosen: Chosen = field(default_factory=Chosen)


def find(config: Config, old: Release, new: Release, hints: Path | None = None) -> Word:
    """Find what developers say of a pair, at the commit that the new release was built of.

    Args:
        config: says where the repository is.
        old: the release that runs.
        new: the one that is to run.
        hints: a file to read in place of the repository's hints; or a directory to read in place of its `.deliver`.

    Raises:
        UsageError: the file cannot be read.
        ConfigError: the hints are wrong.
    """
    bumped = _bumped(old, new)
    commit, findings = _commit(config, new)
    label, given = _hints(commit, hints, new)
    files = tuple(_appups(config, commit, bumped)) if commit else ()
    if hints is not None and hints.is_dir():
        files = (*_own(hints / "appups", bumped), *(one for one in files if one.rank != appups.DELIVER))
    read = hints_file.read(label, given, f"{old.version}..{new.version}") if given else None
    patch = _patch_files(commit) if commit and config.upgrade.patch else {}
    digest = _digest([given, *(asdict(one) for one in files), list(config.upgrade.patch), patch])
    return Word(read, files, bumped, findings, patch, digest)


def _commit(config: Config, new: Release) -> tuple[source.Source | None, tuple[Finding, ...]]:
    if not new.commit:
        return None, ()  # it was imported: nobody knows of what it was made
    try:
        return source.resolve(config.repository, revision=new.commit), ()
    except SourceError as error:
        text = f"hints and appups of {new.version} were not looked for: {error.message}"
        return None, (Finding("warning", "repository", text),)


def _patch_files(commit: source.Source) -> dict[str, str]:
    names = [name for name in source.all_files(commit) if name.startswith(PATCH)]
    return {name.removeprefix(PATCH): source.content(commit, name) or "" for name in names}


def _bumped(old: Release, new: Release) -> dict[str, tuple[str, str]]:
    before = {one.name: one.version for one in old.applications}
    both = {one.name: (before[one.name], one.version) for one in new.applications if one.name in before}
    return {name: versions for name, versions in both.items() if len(set(versions)) > 1}


def _hints(commit: source.Source | None, file: Path | None, new: Release) -> tuple[str, str]:
    if file is not None:
        inside = file / Path(hints_file.NAME).name if file.is_dir() else file
        return str(inside), "" if file.is_dir() and not inside.exists() else _read(inside)
    held = source.content(commit, hints_file.NAME) if commit else None
    return f"{new.tag or new.version}:{hints_file.NAME}", held or ""


def _appups(config: Config, commit: source.Source, apps: Iterable[str]) -> Iterator[AppupFile]:
    names = [name for name in source.all_files(commit) if re.search(r"\.appup(\.src|\.exs)?$", name)]
    for app in apps:
        for rank, pattern in _places(config, app):
            for name in (one for one in names if re.fullmatch(pattern, one)):
                yield AppupFile(app, rank, name, source.content(commit, name) or "")


def _own(directory: Path, apps: Iterable[str]) -> Iterator[AppupFile]:
    for app in apps:
        for file in (directory / f"{app}.appup{suffix}" for suffix in ("", ".exs")):
            if file.exists():
                yield AppupFile(app, appups.DELIVER, str(file), _read(file))


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--hints {file}: it cannot be read: {error}") from error


def _places(config: Config, app: str) -> Iterator[tuple[int, str]]:
    root = "" if config.build.directory == "." else re.escape(config.build.directory.strip("/") + "/")
    name = re.escape(app)
    inside = rf"{root}(?:(?:apps|lib)/{name}/)"
    # The top of the project is the application of the release's name, where there is only one.
    own = f"{inside}?" if app in {config.app, config.build.release} else inside
    yield appups.DELIVER, rf"\.deliver/appups/{name}\.appup(\.exs)?"
    yield appups.REL, rf"{root}rel/appups/{name}/[^/]+\.appup(\.exs)?"
    yield appups.PRIV, rf"{own}priv/appups/[^/]+\.appup(\.exs)?"
    yield appups.SRC, rf"{inside}?src/{name}\.appup\.src"


def _digest(parts: list[Any]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()


def hear(bench: Workbench, word: Word, old: Facts, new: Facts) -> Heard:
    """Have Erlang read what was found, and hold it against both releases.

    Raises:
        ConfigError: the hints name what there is not, or Erlang cannot read them.
        BuildError: an appup of the repository is wrong.
    """
    terms = word.hints.terms() if word.hints else []
    if not terms and not word.files and not _may_have_appups(word, new):
        # No virtual machine has to start for nothing.
        return Heard(word.hints.hints(Changes(old, new), {}) if word.hints else Hints())
    staged = {f"appup-{number}{Path(one.path).suffix}": one for number, one in enumerate(word.files)}
    request = {"terms": [(Atom(one.kind), one.text) for one in terms], "appups": _wanted(word, staged)}
    told = ask(bench, old.version, new.version, request, {name: one.text for name, one in staged.items()})
    understood = {term: Understood(**one) for term, one in zip(terms, told["terms"], strict=True)}
    chosen = appups.choose(appups.parse(told["appups"]), word.bumped)
    hints = word.hints.hints(Changes(old, new), understood) if word.hints else Hints()
    return Heard(hints, chosen)


def _wanted(word: Word, staged: Mapping[str, AppupFile]) -> dict[str, Any]:
    files = [
        {"app": Atom(one.app), "file": name, "kind": Atom(one.kind), "origin": one.path, "rank": one.rank}
        for name, one in staged.items()
    ]
    return {"applications": [(Atom(name), *versions) for name, versions in word.bumped.items()], "files": files}


def _may_have_appups(word: Word, new: Facts) -> bool:
    found = (new.apps[name] for name in word.bumped if name in new.apps)
    return any(one.appup or one.priv for one in found)


def compare(bench: Workbench, plan: Plan) -> Iterator[Finding]:
    """Yield where systools, given our appups, would load or remove other modules than the plan does.

    Raises:
        RemoteError: it could not be asked.
    """
    old, new = plan.old, plan.new
    appups = [(Atom(app), new.apps[app].version, text) for app, text in plan.appups.items()]
    told = ask(bench, old.version, new.version, {"compared": appups}, {})["compared"]
    if "problem" in told:
        yield Finding("note", "systools", f"has no relup to compare with: {told['problem']}")
        return
    ours = set(plan.modules) - set(plan.skipped)
    for way in ("up", "down"):
        for name in sorted(ours ^ set(told[way])):
            text = "loads or removes it, and systools does not" if name in ours else "leaves it, and systools does not"
            yield Finding("warning", name, f"on the way {way}, the plan {text}")


def ask(bench: Workbench, old: str, new: str, request: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """Have `deliver_word` answer a request about two releases on the workbench, with files beside it.

    Raises:
        BuildError: its answer cannot be read.
        RemoteError: it failed.
    """
    keys = {Atom(key): _keyed(value) for key, value in {**request, "root": bench.root, "old": old, "new": new}.items()}
    arguments = {"beams": bench.agent_beams, "root": bench.root, "version": new, "place": bench.place, "word": "word"}
    made = bench.script("upgrade_word.sh", {**arguments, "appup_exs": payload("appup.exs")}, parts=("erlang.sh",))
    members = [text_member("request", f"{write(keys)}.\n"), *(text_member(*one) for one in files.items())]
    said = dict(bench.session.run(made, stdin=tar(members), deadline=PATIENCE).facts())["word"][0]
    try:
        answer: dict[str, Any] = json.loads(said)
    except ValueError as error:
        raise BuildError(f"what developers say cannot be read: {error}") from error
    return answer


def _keyed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {Atom(key): _keyed(one) for key, one in value.items()}
    return [_keyed(one) for one in value] if isinstance(value, list) else value
