"""Where the files of a release go on a host."""

from __future__ import annotations

import re
from collections.abc import Iterable

from deliver.errors import TargetError
from deliver.otp.manifest import Manifest

#: What the scripts on hosts cannot tell from the divisions between names.
_UNTELLABLE = re.compile(r"[\x00-\x1f\x7f\\]")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*")


def is_versioned(path: str, version: str) -> bool:
    """Whether a file of version `version` lies in a directory that no other content of that name may share."""
    return path.startswith(("lib/", f"releases/{version}/")) or re.match(r"erts-[^/]+/", path) is not None


def resting_place(path: str, version: str) -> str:
    """Return where a host keeps the file `path` of an installed version, relative to the release's directory."""
    return path if is_versioned(path, version) else f".deliver/versions/{version}/unversioned/{path}"


def for_version(templates: Iterable[str], version: str) -> frozenset[str]:
    """Return the paths of the configuration's own files in the release of this version."""
    return frozenset(template.replace("{version}", version) for template in templates)


def unit(path: str) -> str:
    """Return the directory that has a version in its name: `lib/foo-1.0.0`, `erts-13.1`, `releases/0.2.0`."""
    return "/".join(path.split("/")[: 1 if path.startswith("erts-") else 2])


def is_tellable(path: str) -> bool:
    """Whether the scripts on hosts can tell the path from the divisions between paths."""
    return _UNTELLABLE.search(path) is None


def refuse_untellable(version: str, manifest: Manifest) -> None:
    """Refuse names that the scripts on hosts cannot handle.

    Raises:
        TargetError: the version or a file has such a name.
    """
    if not _VERSION.fullmatch(version):
        raise TargetError(f"{version!r} cannot be a directory's name on a host", hint="release it by another version")
    for entry in manifest.entries:
        if _UNTELLABLE.search(entry.path + entry.target):
            raise TargetError(
                f"the file {entry.path!r} has a control character or a backslash in its name",
                hint="rename it in the project",
            )
