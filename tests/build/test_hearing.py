"""What a build says while it runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliver.build.hearing import Hearing
from tests.build.workshop import Story

SAID = (
    b"waiting\t{}\nstep\tcheckout\tbegin\nstep\tcheckout\tend\ntoolchain\totp\t25.3\nwarning\tlook out\ncache\thit\n"
    b"step\tafter_deps\tbegin\nstep\tafter_deps\tend\nfacts\t{}\nfile\t644\t3\t./a b\xff\noutput\t/srv/x y\n"
)


@given(st.integers(1, 60))
def test_it_is_understood_in_whatever_pieces_it_comes(size: int) -> None:
    story = Story()
    hearing = Hearing("build1", story)
    for at in range(0, len(SAID), size):
        hearing.take(SAID[at : at + size])
    assert story.steps == [
        "waiting for {}",
        "checking out",
        "dependencies come from the cache",
        "running the hook after_deps",
    ]
    assert story.warnings == ["look out"]
    assert list(hearing.steps) == ["checkout", "after_deps"]
    assert hearing.toolchain == {"otp": "25.3"}
    assert hearing.output == "/srv/x y"
    assert hearing.facts == [("facts", ["{}"]), ("file", ["644", "3", "./a b\udcff"])]


def test_a_long_step_is_told_with_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story()
    hearing = Hearing("build1", story)
    clock = iter([10.0, 13.5])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    hearing.take(b"step\tcompile\tbegin\nstep\tcompile\tend\n")
    assert story.steps == ["compiling", "compile took 3.5 s"]
    assert hearing.steps == {"compile": 3.5}


def test_what_went_wrong_is_kept() -> None:
    hearing = Hearing("build1", Story())
    hearing.take(b'failed\tcompile\t2\nrefused\tlink\tit leads out\nlocked\t{"who":"anna","host":"desk"}\n')
    assert hearing.failed == ("compile", "2")
    assert hearing.refused == ("link", "it leads out")
    assert hearing.locked.startswith("anna@desk")
