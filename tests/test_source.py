"""From a tag, a revision or a branch to one commit, and what of it is sent; with real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deliver import source as sources
from deliver.errors import SourceError, UsageError
from deliver.source import Pack, Source, pack, resolve, submodules
from tests.apps.repository import Repository


def repository_at(path: Path) -> Repository:
    path.mkdir(parents=True)
    repository = Repository(path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    return repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Three versions in a row, the first tagged without `v`, the last with an annotated tag."""
    made = repository_at(tmp_path / "a clone")
    for number, (name, annotated) in enumerate([("1.9.0", False), ("v1.10.0", False), ("v1.10.1", True)]):
        made.commit(f"change {number}", {"file": f"{number}\n"})
        made.tag(name, annotated=annotated)
    return made


def git_config(repository: Repository, **settings: str) -> None:
    for key, value in settings.items():
        repository.git("config", key.replace("_", "."), value)


def test_the_newest_version_tag_is_the_default_by_the_order_of_versions(repository: Repository) -> None:
    found = resolve(repository.path)
    assert (found.tag, found.version, found.commit) == ("v1.10.1", "1.10.1", repository.commit_of("v1.10.1"))


def test_only_tags_that_head_can_reach_are_the_default(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--detach", "v1.10.0")
    assert resolve(repository.path).tag == "v1.10.0"


def test_tags_that_are_no_versions_are_never_the_default(repository: Repository) -> None:
    repository.tag("zz-nightly")
    repository.tag("vision")
    assert resolve(repository.path).tag == "v1.10.1"


def test_no_version_tag_at_all_says_what_to_do(tmp_path: Path) -> None:
    made = repository_at(tmp_path / "clone")
    made.commit("first")
    with pytest.raises(SourceError, match="no version tag") as caught:
        resolve(made.path)
    assert "git tag -a v0.1.0" in caught.value.hint


@pytest.mark.parametrize(("asked", "tag"), [("1.9.0", "1.9.0"), ("v1.9.0", "1.9.0"), ("1.10.0", "v1.10.0")])
def test_a_version_with_and_without_the_prefix_is_one(repository: Repository, asked: str, tag: str) -> None:
    found = resolve(repository.path, tag=asked)
    assert (found.tag, found.version) == (tag, tag.lstrip("v"))


def test_another_prefix_may_be_configured(repository: Repository) -> None:
    repository.tag("shop-2.0.0")
    found = resolve(repository.path, tag="2.0.0", tag_prefix="shop-")
    assert (found.tag, found.version) == ("shop-2.0.0", "2.0.0")


def test_a_tag_in_both_spellings_must_name_one_commit(repository: Repository) -> None:
    repository.git("tag", "v1.9.0", "1.9.0")
    assert resolve(repository.path, tag="v1.9.0").tag == "v1.9.0"
    repository.git("tag", "--force", "v1.9.0", "v1.10.0")
    with pytest.raises(SourceError, match="ambiguous"):
        resolve(repository.path, tag="1.9.0")


def test_an_annotated_tag_gives_its_commit_and_itself(repository: Repository) -> None:
    found = resolve(repository.path, tag="v1.10.1")
    assert found.commit == repository.commit_of("v1.10.1")
    assert found.tag_object == repository.git("rev-parse", "v1.10.1")
    assert resolve(repository.path, tag="v1.10.0").tag_object == ""


def test_an_unknown_tag_is_told_with_the_nearest_ones(repository: Repository) -> None:
    with pytest.raises(SourceError, match=r"no tag 'v1\.10\.2'") as caught:
        resolve(repository.path, tag="v1.10.2")
    assert "v1.10.1" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["--upload-pack=touch x", "-n", "a b", "v1..v2", "a:b", "a\nb", "$(id)/", "*", "a\\b", "a\0b"]
)
@pytest.mark.parametrize("flag", ["tag", "revision", "branch"])
def test_what_cannot_be_a_name_never_reaches_git(repository: Repository, flag: str, name: str) -> None:
    arguments: dict[str, Any] = {flag: name}
    with pytest.raises(SourceError):
        resolve(repository.path, **arguments)


def test_a_revision_is_any_commit_and_has_no_version(repository: Repository) -> None:
    found = resolve(repository.path, revision="HEAD~1")
    assert found == Source(repository.path, repository.commit_of("v1.10.0"))
    assert resolve(repository.path, revision=found.commit[:10]).commit == found.commit


def test_a_branch_is_found_here_or_at_a_remote(repository: Repository, tmp_path: Path) -> None:
    clone = Repository(tmp_path / "clone")
    repository.git("branch", "topic", "1.9.0")
    repository.git("clone", "--quiet", str(repository.path), str(clone.path))
    assert resolve(repository.path, branch="topic").commit == repository.commit_of("1.9.0")
    assert resolve(clone.path, branch="origin/topic").commit == repository.commit_of("1.9.0")
    with pytest.raises(SourceError, match="no branch 'topik'") as caught:
        resolve(clone.path, branch="topik")
    assert "origin/topic" in caught.value.hint


def test_a_tag_does_not_pass_for_a_branch(repository: Repository) -> None:
    with pytest.raises(SourceError, match="no branch"):
        resolve(repository.path, branch="v1.10.0")


def test_only_one_way_of_asking_at_a_time(repository: Repository) -> None:
    with pytest.raises(UsageError, match="exclude"):
        resolve(repository.path, tag="1.9.0", branch="main")


def test_a_tag_of_something_else_than_a_commit_is_refused(repository: Repository) -> None:
    repository.git("tag", "v3.0.0", repository.git("rev-parse", "HEAD:file"))
    with pytest.raises(SourceError, match="no tag"):
        resolve(repository.path, tag="v3.0.0")


def test_outside_of_any_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not in a git repository"):
        resolve(tmp_path)


def test_a_directory_inside_the_clone_and_a_linked_working_tree_will_do(repository: Repository, tmp_path: Path) -> None:
    repository.commit("deeper", {"app/mix.exs": "x"})
    repository.tag("v2.0.0")
    repository.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"), "v1.10.0")
    assert resolve(repository.path / "app").tag == "v2.0.0"
    assert resolve(tmp_path / "tree").tag == "v1.10.0"


def test_variables_of_a_git_hook_do_not_lead_elsewhere(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repository_at(tmp_path / "other")
    other.commit("x")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    assert resolve(repository.path).tag == "v1.10.1"


def test_changes_count_edited_staged_and_new_files_but_not_ours(repository: Repository) -> None:
    assert sources.changes(repository.path) == 0
    (repository.path / "file").write_text("edited")
    (repository.path / "new").write_text("new")
    (repository.path / "staged").write_text("staged")
    repository.git("add", "staged")
    (repository.path / ".deliver/logs").mkdir(parents=True)
    (repository.path / ".deliver/logs/1.log").write_text("ours")
    assert sources.changes(repository.path) == 3


def test_files_of_a_directory_are_those_at_the_commit(repository: Repository) -> None:
    repository.commit("project", {"my app/mix.exs": "x", "my app/lib/a.ex": "x", "rebar.config": "x"})
    source = resolve(repository.path, revision="HEAD")
    repository.commit("gone", {"mix.exs": "later"})
    assert sources.files(source, ".") == {"file", "my app", "rebar.config"}
    assert sources.files(source, "my app") == {"mix.exs", "lib"}
    assert sources.files(source, "nowhere") == set()


def test_git_lfs_is_noticed(repository: Repository) -> None:
    assert not sources.uses_lfs(resolve(repository.path))
    repository.commit("lfs", {"assets/.gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n"})
    assert sources.uses_lfs(resolve(repository.path, revision="HEAD"))


class TestSignatures:
    @pytest.fixture
    def key(self, tmp_path: Path) -> Path:
        key = tmp_path / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        return key

    @pytest.fixture
    def signed(self, repository: Repository, key: Path, tmp_path: Path) -> Repository:
        """v2.0.0 is signed by a key that git is told to trust."""
        signers = tmp_path / "signers"
        signers.write_text(f"developer@example.com {key.with_suffix('.pub').read_text()}")
        git_config(repository, gpg_format="ssh", user_signingkey=str(key), gpg_ssh_allowedSignersFile=str(signers))
        repository.git("tag", "--sign", "--message", "2.0.0", "v2.0.0")
        return repository

    def test_a_good_signature_passes(self, signed: Repository) -> None:
        assert resolve(signed.path, tag="2.0.0", verify_tags=True).tag == "v2.0.0"

    @pytest.mark.parametrize("tag", ["v1.10.0", "v1.10.1"])
    def test_tags_without_one_are_refused_in_gits_words(self, signed: Repository, tag: str) -> None:
        with pytest.raises(SourceError, match="no good signature: error: ") as caught:
            resolve(signed.path, tag=tag, verify_tags=True)
        assert "git tag -s" in caught.value.hint

    def test_the_signature_of_a_stranger_is_refused(self, signed: Repository, tmp_path: Path) -> None:
        (tmp_path / "signers").write_text("")
        with pytest.raises(SourceError, match=r"no good signature: .*\n.*No principal"):
            resolve(signed.path, tag="v2.0.0", verify_tags=True)

    def test_a_signed_tag_under_another_name_is_refused(self, signed: Repository) -> None:
        signed.git("update-ref", "refs/tags/v9.0.0", signed.git("rev-parse", "v2.0.0"))
        with pytest.raises(SourceError, match=r"signature of another tag, v2\.0\.0"):
            resolve(signed.path, tag="v9.0.0", verify_tags=True)

    def test_an_openpgp_signature_passes_too(
        self, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "gnupg"
        home.mkdir(mode=0o700)
        monkeypatch.setenv("GNUPGHOME", str(home))
        make = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "developer@example.com", "ed25519"]
        subprocess.run(make, check=True, capture_output=True)
        repository.git("tag", "--local-user", "developer@example.com", "--message", "3.0.0", "v3.0.0")
        try:
            assert resolve(repository.path, tag="3.0.0", verify_tags=True).tag == "v3.0.0"
        finally:
            subprocess.run(["gpgconf", "--kill", "all"], check=True)

    def test_what_is_no_tag_is_not_built_then(self, signed: Repository) -> None:
        with pytest.raises(SourceError, match="only signed tags"):
            resolve(signed.path, branch="main", verify_tags=True)


class TestPacks:
    @pytest.fixture
    def far(self, tmp_path: Path) -> Repository:
        """A bare repository that has nothing."""
        far = Repository(tmp_path / "far.git")
        far.path.mkdir()
        far.git("init", "--quiet", "--bare")
        return far

    def unpack(self, far: Repository, data: bytes) -> None:
        command = ["git", "-C", str(far.path), "index-pack", "--stdin", "--fix-thin"]
        subprocess.run(command, input=data, check=True, capture_output=True)

    def packed(self, repository: Repository, tag: str, have: list[str]) -> bytes:
        source = resolve(repository.path, tag=tag)
        return b"".join(pack(Pack(repository.path / ".git", (source.commit,), source.tag_object), have))

    def test_a_pack_holds_a_commit_its_history_and_its_tag(self, repository: Repository, far: Repository) -> None:
        self.unpack(far, self.packed(repository, "v1.10.1", []))
        assert far.git("show", f"{repository.commit_of('v1.10.1')}:file") == "2"
        assert far.git("cat-file", "-t", repository.git("rev-parse", "v1.10.1")) == "tag"
        far.git("rev-list", "--objects", repository.commit_of("v1.10.1"))

    def test_what_the_other_side_has_stays_here(self, repository: Repository, far: Repository) -> None:
        (repository.path / "large").write_bytes(os.urandom(200_000))
        repository.commit("large")
        repository.tag("v2.0.0")
        self.unpack(far, self.packed(repository, "v2.0.0", []))
        repository.commit("small", {"file": "small\n"})
        repository.tag("v2.0.1")
        data = self.packed(repository, "v2.0.1", [repository.commit_of("v2.0.0"), "1" * 40])
        assert len(data) < 1000
        self.unpack(far, data)
        far.git("rev-list", "--objects", repository.commit_of("v2.0.1"))

    def test_the_tree_of_a_cut_commit_counts_without_its_history(self, repository: Repository) -> None:
        whole = self.packed(repository, "v1.10.1", [])
        less = self.packed(repository, "v1.10.1", [f"{repository.commit_of('v1.10.1')}^{{tree}}"])
        assert len(less) < len(whole)

    def test_a_commit_that_is_not_here_is_an_error_in_gits_words(self, repository: Repository) -> None:
        with pytest.raises(SourceError, match="could not pack"):
            list(pack(Pack(repository.path / ".git", ("2" * 40,)), []))

    def test_a_pack_that_nobody_takes_to_its_end_leaves_no_process(self, repository: Repository) -> None:
        pieces = pack(Pack(repository.path / ".git", (repository.commit_of("1.9.0"),)), [])
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]


class TestSubmodules:
    @pytest.fixture
    def nested(self, repository: Repository, tmp_path: Path) -> Repository:
        """A submodule with a submodule, under names with spaces, as v2.0.0; later ones have moved on."""
        inner, outer = repository_at(tmp_path / "inner"), repository_at(tmp_path / "outer")
        inner.commit("inner", {"inner.txt": "1\n"})
        outer.git("submodule", "--quiet", "add", str(inner.path), "deep er/inner")
        outer.commit("outer")
        repository.git("submodule", "--quiet", "add", "--name", "the outer", str(outer.path), "vendor/out er")
        repository.git("submodule", "--quiet", "update", "--init", "--recursive")
        repository.commit("with submodules")
        repository.tag("v2.0.0")
        return repository

    def test_they_are_found_at_exactly_the_commit_nested_ones_too(self, nested: Repository) -> None:
        outer = Repository(nested.path / "vendor/out er")
        before = outer.commit_of("HEAD")
        inner = Repository(outer.path / "deep er/inner").commit_of("HEAD")
        outer.commit("moved on")
        nested.commit("newer submodule")
        found = submodules(resolve(nested.path, tag="v2.0.0"))
        assert [(one.path, one.commit) for one in found] == [
            ("vendor/out er", before),
            ("vendor/out er/deep er/inner", inner),
        ]
        assert all((one.git_dir / "objects").is_dir() for one in found)

    def test_a_commit_without_any_has_none(self, nested: Repository) -> None:
        assert submodules(resolve(nested.path, tag="v1.10.0")) == []

    def test_one_that_is_not_here_is_told_with_the_command_that_gets_it(
        self, nested: Repository, tmp_path: Path
    ) -> None:
        clone = tmp_path / "clone"
        nested.git("clone", "--quiet", str(nested.path), str(clone))
        with pytest.raises(SourceError, match="the submodule vendor/out er is not here") as caught:
            submodules(resolve(clone, tag="v2.0.0"))
        assert caught.value.hint == f"git -C {clone} submodule update --init --recursive"
        Repository(clone).git("submodule", "--quiet", "update", "--init", "--recursive")
        assert len(submodules(resolve(clone, tag="v2.0.0"))) == 2


def test_git_is_asked_without_the_users_configuration_of_colours(repository: Repository) -> None:
    git_config(repository, color_ui="always", tag_sort="-refname")
    assert resolve(repository.path).tag == "v1.10.1"
