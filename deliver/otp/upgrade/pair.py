"""The record of an upgrade pair, as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from deliver.errors import StoreError
from deliver.otp.release import Target

FORMAT = 1

Verdict = Literal["hot", "hot, no way back", "restart", "unproven"]
Level = Literal["note", "warning", "error"]


def goes_to_hosts(name: str) -> bool:
    """Return whether hosts get a file of a pair: snapshots and appups are for us, and for people."""
    return not name.endswith((".json", ".appup"))


@dataclass(frozen=True)
class Finding:
    """Something that an operator should know.

    Args:
        level: `error` when it must not go on, `warning` when it may do harm, `note` for all else.
        about: the module, process, application or file that it is about.
        text: one sentence.
    """

    level: Level
    about: str
    text: str


@dataclass(frozen=True)
class Pair:
    """The way from one release to another while a node runs, and back; and what its rehearsal found.

    Args:
        name: the releases' name.
        from_version: the release that runs.
        to_version: the one that is to run.
        target: what both run on.
        verdict: what may be done with it.
        reasons: why the verdict is not `hot`.
        findings: what an operator should know.
        files: SHA-256 of the content of each file that belongs to it, by name.
        from_manifest: digest of the manifest of the one release; the pair is of no other content.
        to_manifest: digest of the other one's.
        builder: who made it: `user@machine`.
        built_at: UTC, RFC 3339, whole seconds.
        seconds: how long making it took.
        inline: applications whose top supervisor needs its new children computed, with its registered name.
        modules: those that the relup loads or removes.
        ended: places in the supervision tree whose processes the relup ends, and starts again.
        skipped: modules that the relup leaves as they are, though they differ.
        word: digest of what developers said of the pair when it was made.
        edited: whether the relup is a developer's own.
        rehearsed_on: where, as `environment/host`; empty for the build host.
        held: milliseconds to wait for the processes of each module that are held, by module.
        asked: modules whose processes are asked to change their states.
    """

    name: str
    from_version: str
    to_version: str
    target: Target
    verdict: Verdict
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    files: Mapping[str, str] = field(hash=False)
    from_manifest: str
    to_manifest: str
    builder: str
    built_at: str
    seconds: float
    inline: Mapping[str, str] = field(default_factory=dict, hash=False)
    modules: tuple[str, ...] = ()
    ended: tuple[tuple[str, ...], ...] = ()
    skipped: tuple[str, ...] = ()
    word: str = ""
    edited: bool = False
    rehearsed_on: str = ""
    held: Mapping[str, int] = field(default_factory=dict, hash=False)
    asked: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.from_version}..{self.to_version} ({self.target})"

    def to_json(self) -> dict[str, Any]:
        """Return a document that `from_json` reads."""
        # Plain dictionaries: `asdict` cannot copy every kind of mapping.
        plain = replace(self, files=dict(self.files), inline=dict(self.inline), held=dict(self.held))
        return {"format": FORMAT, **asdict(plain)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Pair:
        """Read what `to_json` wrote.

        Raises:
            StoreError: the document is of a newer format, or damaged.
        """
        if document.get("format") != FORMAT:
            raise StoreError(f"an upgrade record of format {document.get('format')!r}; this version reads {FORMAT}")
        fields = {key: value for key, value in document.items() if key != "format"}
        try:
            fields["target"] = Target(**fields["target"])
            fields["findings"] = tuple(Finding(**one) for one in fields["findings"])
            # Older records do not know the last ones.
            fields["ended"] = tuple(tuple(path) for path in fields.get("ended", ()))
            for key in ("reasons", "modules", "skipped", "asked"):
                fields[key] = tuple(fields.get(key, ()))
            for key in ("files", "inline", "held"):
                fields[key] = dict(fields.get(key, {}))
            pair = cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"a damaged upgrade record: {error}") from error
        # What may be done to a running node hangs on this word: one that we do not know is no verdict.
        if pair.verdict not in get_args(Verdict):
            raise StoreError(f"a damaged upgrade record: {pair.verdict!r} is no verdict")
        return pair
