from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import zstandard

from deliver.errors import StoreError
from deliver.ship.stream import Member, compressed, tar, text_member


def members() -> list[Member]:
    long = "lib/x-1/" + "/".join(["a long directory name"] * 12) + "/file"
    return [
        text_member("meta/plan", "é\udcff", 0o640),
        Member(long, 0o755, 1000, lambda: iter([b"x" * 600, b"y" * 400])),
        Member("lib/x-1/link", 0o777, target="a target with spaces/" + "t" * 120),
        Member("empty", 0o644, 0, list),
    ]


def test_tar_programs_can_read_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar(members())))) as archive:
        found = {info.name: info for info in archive.getmembers()}
        large = archive.extractfile(members()[1].name)
        assert large is not None
        assert large.read() == b"x" * 600 + b"y" * 400
    assert found["meta/plan"].mode == 0o640
    assert found["lib/x-1/link"].linkname == members()[2].target
    assert found["empty"].size == 0


def test_the_same_files_make_the_same_stream() -> None:
    assert b"".join(tar(members())) == b"".join(tar(members()))


@pytest.mark.parametrize("size", [999, 1001])
def test_a_content_of_another_size_ends_the_stream(size: int) -> None:
    with pytest.raises(StoreError, match="another size than"):
        list(tar([Member("a", 0o644, size, lambda: [b"x" * 1000])]))


def test_contents_are_opened_one_after_the_other() -> None:
    opened: list[int] = []

    def content(number: int) -> Iterator[bytes]:
        opened.append(number)
        yield b"x"

    stream = tar(Member(str(number), 0o644, 1, partial(content, number)) for number in range(3))
    next(stream)
    assert opened == []
    next(stream)
    assert opened == [0]


@pytest.mark.parametrize("kind", ["zstd", "gzip"])
def test_compressed_streams_are_whole_and_told(kind: str) -> None:
    told = list[int]()
    data = b"".join(compressed([b"word " * 1000] * 500, kind, told.append))
    plain = gzip.decompress(data) if kind == "gzip" else zstandard.ZstdDecompressor().decompressobj().decompress(data)
    assert plain == b"word " * 500_000
    assert told[-1] == 2_500_000


def test_whoever_unpacks_gzip_gets_blocks_as_one_file() -> None:
    text = bytes(range(256)) * 20_000
    data = b"".join(compressed([text], "gzip", lambda _: None))
    assert subprocess.run(["gzip", "-dc"], input=data, capture_output=True, check=True).stdout == text
    assert subprocess.run(["busybox", "gzip", "-dc"], input=data, capture_output=True, check=True).stdout == text


def test_what_the_host_has_is_not_told_again(tmp_path: Path) -> None:
    old = os.urandom(3_000_000)
    new = old[:1_000_000] + b"something new" + old[1_000_100:]
    data = b"".join(compressed([new], "zstd", lambda _: None, reference=old, size=len(new)))
    assert len(data) < 1_000
    (tmp_path / "old").write_bytes(old)
    argv = ["zstd", "-dcq", f"--patch-from={tmp_path}/old", "-"]
    assert subprocess.run(argv, input=data, capture_output=True, check=True).stdout == new
    (tmp_path / "old").write_bytes(old[:2_000_000] + b"?" + old[2_000_001:])
    assert subprocess.run(argv, input=data, capture_output=True, check=False).returncode != 0
