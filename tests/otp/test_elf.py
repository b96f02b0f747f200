"""What binaries say that they run on."""

from __future__ import annotations

import platform
import shutil
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliver.otp.elf import Binary, binary


def elf(machine: int, *names: bytes, order: str = "<") -> bytes:
    """Return what the reader looks at: the head of a header, and a string table."""
    head = b"\x7fELF\x02" + (b"\x01" if order == "<" else b"\x02") + bytes(10)
    return head + struct.pack(f"{order}HH", 3, machine) + bytes(44) + b"\0" + b"\0".join(names) + b"\0"


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="needs a glibc machine")
def test_a_binary_of_this_machine_asks_for_this_machine() -> None:
    found = binary(Path(sys.executable).resolve().read_bytes())
    assert found is not None
    assert (found.arch, found.libc) == (platform.machine(), "glibc")
    assert [int(part) for part in found.libc_version.split(".")] <= [
        int(part) for part in platform.libc_ver()[1].split(".")
    ]


def test_a_static_binary_asks_for_no_libc() -> None:
    busybox = shutil.which("busybox")
    if busybox is None or b"GLIBC_2" in Path(busybox).read_bytes():
        pytest.skip("needs a static busybox")
    assert binary(Path(busybox).read_bytes()) == Binary(platform.machine())


def test_the_newest_symbol_version_counts_by_its_numbers() -> None:
    versions = (b"GLIBC_2.4", b"GLIBC_2.17", b"GLIBC_2.2.5", b"GLIBC_PRIVATE")
    assert binary(elf(183, *versions)) == Binary("aarch64", "glibc", "2.17")


@pytest.mark.parametrize("name", [b"/lib/ld-musl-x86_64.so.1", b"libc.musl-x86_64.so.1"])
def test_musl_is_known_by_its_loader_or_library(name: bytes) -> None:
    assert binary(elf(62, name)) == Binary("x86_64", "musl")


def test_a_big_endian_binary_is_read_too() -> None:
    assert binary(elf(22, b"GLIBC_2.29", order=">")) == Binary("s390x", "glibc", "2.29")


def test_a_machine_without_a_name_is_unknown() -> None:
    assert binary(elf(9999)) == Binary("unknown")


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"\x7fELF" + rest))
def test_whatever_a_file_has_in_it_nothing_breaks(data: bytes) -> None:
    found = binary(data)
    assert (found is None) == (not data.startswith(b"\x7fELF") or len(data) < 64)
