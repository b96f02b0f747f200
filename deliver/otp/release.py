"""What one built OTP release is, and what it can run on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from deliver.errors import StoreError

FORMAT = 1


@dataclass(frozen=True)
class Target:
    """What a release runs on.

    Args:
        os: as `uname -s` says, in lower case: `linux`.
        arch: as `uname -m` says: `x86_64`, `aarch64`.
        libc: `glibc`, `musl` or `unknown`.
        libc_version: of a host: the version it has; of a release: the newest symbol version that its
            binaries ask for, or empty when it carries no binaries.
        erts: the ERTS version that the release carries or needs; empty for a host.
    """

    os: str
    arch: str
    libc: str
    libc_version: str = ""
    erts: str = ""

    def __str__(self) -> str:
        return f"{self.os}-{self.arch}-{self.libc}"


@dataclass(frozen=True)
class Application:
    """One application of a release, as its `.rel` file names it."""

    name: str
    version: str
    type: str = "permanent"


@dataclass(frozen=True)
class Release:
    """The record of one built release, as the store keeps it.

    Args:
        name: the release's name; the name of its start script and directory on hosts.
        version: as its `.rel` file says.
        target: what it runs on.
        applications: all of them, in the order of the `.rel` file.
        kind: who made it, and so which start script it has: `mix`, `rebar3` or `command`.
        includes_erts: whether it carries its own ERTS.
        commit: the full SHA of the commit it was built from; empty for an imported one.
        tag: the tag it was asked for by; empty when it was not.
        recipe: digest of everything in the configuration that shapes a build.
        toolchain: versions by tool: `otp`, `elixir`, `rebar3`.
        builder: who built it: `user@machine`.
        build_host: where it was built.
        built_at: UTC, RFC 3339, whole seconds.
        manifest: digest of its manifest.
        size: bytes of all its files.
        new_bytes: compressed bytes that this release added to the store.
    """

    name: str
    version: str
    target: Target
    applications: tuple[Application, ...]
    kind: str
    includes_erts: bool
    commit: str
    tag: str
    recipe: str
    toolchain: dict[str, str] = field(hash=False)
    builder: str
    build_host: str
    built_at: str
    manifest: str
    size: int
    new_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return a document that `from_json` reads."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Release:
        """Read what `to_json` wrote.

        Raises:
            StoreError: the document is of a newer format, or damaged.
        """
        if document.get("format") != FORMAT:
            raise StoreError(f"a release record of format {document.get('format')!r}; this version reads {FORMAT}")
        fields = {key: value for key, value in document.items() if key != "format"}
        try:
            fields["target"] = Target(**fields["target"])
            fields["applications"] = tuple(Application(**one) for one in fields["applications"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise StoreError(f"a damaged release record: {error}") from error
