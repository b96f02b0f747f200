"""The record of a release, there and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliver.errors import StoreError
from deliver.otp.release import Application, Release, Target

RELEASES = st.builds(
    Release,
    target=st.builds(Target, *[st.text(max_size=5)] * 5),
    applications=st.lists(st.builds(Application, *[st.text(max_size=5)] * 3), max_size=3).map(tuple),
    toolchain=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    **{name: st.text(max_size=8) for name in ("name", "version", "kind", "commit", "tag", "recipe", "builder")},
    **{name: st.text(max_size=8) for name in ("build_host", "built_at", "manifest")},
)


@given(RELEASES)
def test_a_record_is_read_as_it_was_written(release: Release) -> None:
    assert Release.from_json(json.loads(json.dumps(release.to_json()))) == release


@given(RELEASES)
def test_a_record_says_its_format(release: Release) -> None:
    assert release.to_json()["format"] == 1


@given(RELEASES, st.sampled_from([0, 2, None, "1"]))
def test_a_record_of_another_format_is_refused(release: Release, number: object) -> None:
    with pytest.raises(StoreError, match="format"):
        Release.from_json({**release.to_json(), "format": number})


@given(RELEASES, st.sampled_from(["name", "target", "applications", "manifest"]))
def test_a_record_that_lacks_something_is_refused(release: Release, key: str) -> None:
    document = release.to_json()
    del document[key]
    with pytest.raises(StoreError, match="damaged"):
        Release.from_json(document)


def test_a_target_is_shown_without_what_differs_from_build_to_build() -> None:
    assert str(Target("linux", "x86_64", "glibc", "2.34", "13.1.5")) == "linux-x86_64-glibc"
