"""What a Linux binary says that it runs on."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

MAGIC = b"\x7fELF"

_MACHINES = {3: "i686", 21: "ppc64le", 22: "s390x", 40: "armv7l", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_DYNAMIC, _INTERPRETER = 2, 3
_VERSION = re.compile(rb"\0GLIBC_([0-9]+(?:\.[0-9]+)+)(?=\0)")
_MUSL = re.compile(rb"\0(?:/lib/)?(?:ld-musl-|libc\.musl-)")


@dataclass(frozen=True)
class Binary:
    """What one binary asks for.

    Args:
        arch: as `uname -m` says; `unknown` for one that we have no name for.
        libc: `glibc`, `musl`, or empty for one that needs neither (a static one).
        libc_version: the newest symbol version of glibc that it asks for; empty when it asks for none.
    """

    arch: str
    libc: str = ""
    libc_version: str = ""


def binary(data: bytes) -> Binary | None:
    """Return what a file's content asks for; None when it is no ELF binary.

    The names are taken from the string tables that the loader reads.
    """
    if not data.startswith(MAGIC) or len(data) < 64:  # noqa: PLR2004  # the length of an ELF header
        return None
    order = "<" if data[5] == 1 else ">"
    (machine,) = struct.unpack_from(f"{order}H", data, 18)
    arch = _MACHINES.get(machine, "unknown")
    versions = _VERSION.findall(data)
    if versions:
        newest = max(versions, key=lambda text: [int(part) for part in text.split(b".")])
        return Binary(arch, "glibc", newest.decode())
    return Binary(arch, "musl" if _MUSL.search(data) else "")
