"""The tasks that make and install upgrades, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.store.test_import import SMALL, archive


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "needs one of --from, --with, --from-archive, and has none"),
        (("--from", "0.1.0"), "needs one of --to, --to-archive, and has none"),
        (("--from", "0.1.0", "--with", "0.1.0", "--to", "0.2.0"), "and has several"),
        (("--with", "0.1.0", "--to", "0.2.0", "--to-archive", "x.tar.gz"), "needs one of --to, --to-archive"),
        (("--with", "0.1.0", "--to", "0.2.0"), "the store has no demo 0.1.0"),
    ],
)
def test_each_side_of_a_pair_is_given_once(deliver: Cli, words: tuple[str, ...], why: str) -> None:
    done = deliver("build-upgrade", *words, "--set", "build.env={}")
    assert (done.returncode, why in done.stderr) == (64, True), done.stderr


def test_an_archive_is_found_from_the_directory_where_one_works(deliver: Cli, project: Path) -> None:
    (project / "deliver.toml").write_text('app = "demo"\n')
    archive(project / "demo.tar.gz", SMALL)
    target = ("--target", "linux-riscv64-musl")
    done = deliver("build-upgrade", "--from-archive", "demo.tar.gz", "--to-archive", "demo.tar.gz", *target)
    assert (done.returncode, "both sides are 0.1.0" in done.stderr) == (64, True), done.stderr
    assert "0.1.0" in deliver("releases").stdout
    done = deliver("build-upgrade", "--from-archive", "none.tar.gz", "--to", "0.2.0", *target)
    assert (done.returncode, "there is no file" in done.stderr) == (64, True), done.stderr
