"""The manifest of a release, there and back."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deliver.errors import StoreError
from deliver.otp.manifest import HEADER, Entry, Manifest

#: Names as a file system gives them: any bytes but NUL, `/` and, which manifests refuse, a newline.
NAME = (
    st.binary(min_size=1, max_size=12)
    .map(lambda raw: raw.translate(None, b"\0/\n").decode("utf-8", "surrogateescape"))
    .filter(lambda name: name not in {"", ".", ".."})
)
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join) | st.sampled_from(
    ["lib/a b/c  d", " leading", "trailing ", "a\x85b", "a\u2028b", "a\rb", "\x0b\x1c", "日本", "b -> c"]
)
DIGEST = st.binary(max_size=4).map(lambda raw: hashlib.sha256(raw).hexdigest())
FILE = st.builds(Entry, PATH, st.just("file"), st.sampled_from([0o644, 0o755, 0o400]), st.integers(0, 2**50), DIGEST)
LINK = st.builds(
    Entry, PATH.filter(lambda path: " -> " not in path), st.just("link"), st.just(0o777), st.just(0), DIGEST, PATH
)


@given(st.lists(FILE | LINK, max_size=6))
def test_what_is_written_is_read_again(entries: list[Entry]) -> None:
    manifest = Manifest.of(entries)
    assert Manifest.parse(manifest.text) == manifest
    assert Manifest.parse(manifest.text).digest == manifest.digest


@given(st.lists(FILE | LINK, max_size=6))
def test_the_digest_does_not_depend_on_the_order(entries: list[Entry]) -> None:
    assert Manifest.of(entries[::-1]).digest == Manifest.of(entries).digest


@given(FILE | LINK, FILE | LINK)
def test_different_files_have_different_digests(one: Entry, other: Entry) -> None:
    assume(one != other)
    assert Manifest.of([one]).digest != Manifest.of([other]).digest


def test_the_digest_is_that_of_the_bytes_of_the_text() -> None:
    manifest = Manifest.of([Entry("lib/\udcff", "file", 0o644, 1, "0" * 64)])
    assert manifest.digest == hashlib.sha256(manifest.text.encode("utf-8", "surrogateescape")).hexdigest()


def test_a_manifest_reads_as_lines_for_people_and_sh() -> None:
    manifest = Manifest.of(
        [Entry("lib/a b", "file", 0o644, 3, "f" * 64), Entry("bin/x", "link", 0o777, 0, "e" * 64, "../lib/a b")]
    )
    assert manifest.text == (f"{HEADER}\nlink 0777 0 {'e' * 64} bin/x -> ../lib/a b\nfile 0644 3 {'f' * 64} lib/a b\n")


def test_size_is_that_of_all_files() -> None:
    entries = [Entry("a", "file", 0o644, 3, "f" * 64), Entry("b", "file", 0o644, 4, "e" * 64)]
    assert Manifest.of(entries).size == 7
    assert set(Manifest.of(entries).by_path) == {"a", "b"}


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "new\nline", "nul\0"])
def test_a_name_that_leads_out_or_cannot_be_told_is_refused(path: str) -> None:
    with pytest.raises(StoreError, match="cannot have a file"):
        Manifest.of([Entry(path, "file", 0o644, 0, "0" * 64)])


def test_a_link_whose_name_hides_its_target_is_refused() -> None:
    with pytest.raises(StoreError, match="cannot have a file"):
        Manifest.of([Entry("a -> b", "link", 0o777, 0, "0" * 64, "c")])


@pytest.mark.parametrize(
    "text", ["", "deliver-manifest 2\n", f"{HEADER}\nfile 0644 1 x\n", f"{HEADER}\npipe 0644 1 {'0' * 64} a\n"]
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(StoreError):
        Manifest.parse(text)


def test_a_stored_path_that_leads_out_is_refused() -> None:
    with pytest.raises(StoreError, match="cannot have a file"):
        Manifest.parse(f"{HEADER}\nfile 0644 1 {'0' * 64} ../../etc/cron.d/x\n")


def test_a_cut_off_manifest_has_another_digest() -> None:
    manifest = Manifest.of([Entry(f"f{number}", "file", 0o644, 1, "0" * 64) for number in range(9)])
    cut = manifest.text[: len(manifest.text) // 2].rpartition("\n")[0] + "\n"
    assert Manifest.parse(cut).digest != manifest.digest
