"""The git repository: from a tag, a revision or a branch to one commit, and the objects that make it up.

Everything that carries a name from outside goes through `git` below, as one argument of its own, after the name was
held against a strict rule; from there on only full SHAs are used. GitPython opens the repository and tells its state.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from deliver.errors import SourceError, UsageError
from deliver.otp import version as versions

CHUNK = 1 << 18
#: What git would say in another repository's place, were these left in the environment of a hook.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
_NAME = re.compile(r"[A-Za-z0-9_@][^\s:?*\[\\\x00-\x1f\x7f]*")
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+([-+~.]?[0-9A-Za-z.+~-]+)?")


@dataclass(frozen=True)
class Source:
    """The one commit that is built.

    Args:
        repository: a directory of the clone.
        commit: its full SHA.
        tag: the tag that it was asked for by; empty when it was not.
        tag_object: SHA of the annotated tag; empty for a lightweight one.
        version: what the built release must be called; empty when the tag is no version, or there is none.
    """

    repository: Path
    commit: str
    tag: str = ""
    tag_object: str = ""
    version: str = ""

    @property
    def label(self) -> str:
        """The tag, or the short SHA where there is none."""
        return self.tag or self.commit[:12]


@dataclass(frozen=True)
class Pack:
    """Commits of one object store of this machine: the repository's own, or a submodule's.

    Args:
        git_dir: where their objects are.
        commits: full SHAs.
        tag_object: an annotated tag to take along; empty for none.
    """

    git_dir: Path
    commits: tuple[str, ...]
    tag_object: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All objects that are asked for by name."""
        return (*self.commits, *([self.tag_object] if self.tag_object else []))


@dataclass(frozen=True)
class Submodule:
    """A repository at exactly one commit inside another.

    Args:
        path: relative to the outermost repository.
        commit: full SHA.
        git_dir: where its objects are on this machine.
    """

    path: str
    commit: str
    git_dir: Path = field(compare=False)


def resolve(
    repository: Path,
    *,
    tag: str = "",
    revision: str = "",
    branch: str = "",
    tag_prefix: str = "v",
    verify_tags: bool = False,
) -> Source:
    """Return the one commit that is asked for; by default that of the newest version tag that HEAD can reach.

    Args:
        repository: a directory of the clone.
        tag: a tag, or the version it stands for.
        revision: anything that names a commit.
        branch: a local branch, or a remote's (`origin/main`).
        tag_prefix: what may stand before the version in a tag.
        verify_tags: whether only a tag with a good signature will do.

    Raises:
        UsageError: more than one of tag, revision and branch is given.
        SourceError: the repository does not have it, or its signature is not good.
    """
    if sum(map(bool, (tag, revision, branch))) > 1:
        raise UsageError("--tag, --revision and --branch exclude one another", hint="give one of them")
    _open(repository)
    if revision or branch:
        return _untagged(repository, revision, branch, verify_tags=verify_tags)
    name = _tag_named(repository, tag, tag_prefix) if tag else newest_tag(repository, tag_prefix)
    return _tagged(repository, name, tag_prefix, verify_tags=verify_tags)


def newest_tag(repository: Path, tag_prefix: str) -> str:
    """Return the newest version tag that HEAD can reach.

    Raises:
        SourceError: there is none.
    """
    merged = git(repository, "for-each-ref", "--merged=HEAD", "--format=%(refname:lstrip=2)", "refs/tags").splitlines()
    tags = [name for name in merged if _is_version(name, tag_prefix)]
    if not tags:
        raise SourceError(
            f"no version tag can be reached from HEAD in {repository}",
            hint=f"tag a commit (git tag -a {tag_prefix}0.1.0), or name one with --tag, --revision or --branch",
        )
    return max(tags, key=lambda name: versions.key(name.removeprefix(tag_prefix)))


def changes(repository: Path) -> int:
    """Return how many files of the working tree differ from HEAD, new ones included; our own are not counted."""
    from git import Repo  # it takes 0.1 s to import

    with Repo(repository, search_parent_directories=True) as repo:
        if repo.bare or not repo.head.is_valid():
            return 0
        changed = {item.a_path or item.b_path for item in (*repo.index.diff(None), *repo.head.commit.diff())}
        return len({path for path in changed.union(repo.untracked_files) if path and not path.startswith(".deliver/")})


def tags(repository: Path) -> list[str]:
    """Return the names of all tags, in no order."""
    from git import Repo  # it takes 0.1 s to import

    with Repo(repository, search_parent_directories=True) as repo:
        return [str(tag.name) for tag in repo.tags]


def files(source: Source, directory: str) -> set[str]:
    """Return the names of the files right in `directory` of the source's commit."""
    place = "" if directory in {".", ""} else directory.strip("/") + "/"
    listed = git(source.repository, "ls-tree", "-z", "--full-tree", source.commit, "--", *([place] if place else []))
    return {line.split("\t", 1)[1].removeprefix(place) for line in listed.split("\0") if line}


def all_files(source: Source) -> list[str]:
    """Return the paths of all files of the source's commit, but for those of submodules."""
    listed = git(source.repository, "ls-tree", "-r", "-z", "--name-only", "--full-tree", source.commit)
    return [name for name in listed.split("\0") if name]


def content(source: Source, path: str) -> str | None:
    """Return the text of a file of the source's commit; None when there is no such file."""
    found = _run(source.repository, "cat-file", "blob", f"{source.commit}:{path}")
    return found.stdout.decode("utf-8", "surrogateescape") if found.returncode == 0 else None


def uses_lfs(source: Source) -> bool:
    """Whether files at the commit are kept in Git LFS, whose content git itself does not have."""
    found = _run(
        source.repository,
        "grep",
        "-l",
        "--full-name",
        "filter=lfs",
        source.commit,
        "--",
        ":(top,glob)**/.gitattributes",
    )
    return found.returncode == 0


def submodules(source: Source) -> list[Submodule]:
    """Return all submodules at the source's commit, nested ones too.

    Raises:
        SourceError: the objects of one are not on this machine.
    """
    found: list[Submodule] = []
    waiting = [("", Path(common_dir(source.repository)), source.commit)]
    while waiting:
        prefix, git_dir, commit = waiting.pop()
        for path, sha in _gitlinks(git_dir, commit):
            where = _module(source.repository, git_dir, commit, path, sha, prefix + path)
            found.append(Submodule(prefix + path, sha, where))
            waiting.append((prefix + path + "/", where, sha))
    return sorted(found, key=lambda one: one.path)


def common_dir(repository: Path) -> str:
    """Return the directory that has the objects of a repository, also for a linked working tree."""
    return git(repository, "rev-parse", "--path-format=absolute", "--git-common-dir").strip()


def pack(wanted: Pack, have: Sequence[str]) -> Iterator[bytes]:
    """Yield a pack of what the commits need beyond `have`.

    Args:
        wanted: the commits.
        have: commits and trees that the other side has whole; those unknown here are left out.

    Raises:
        SourceError: git failed.
    """
    known = _known(wanted.git_dir, have)
    lines = [*wanted.names, *(f"^{sha}" for sha in known)]
    command = ["pack-objects", "--revs", "--thin", "--delta-base-offset", "--stdout", "-q"]
    with subprocess.Popen(
        _argv(wanted.git_dir, *command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    ) as child:
        try:
            yield from _stream(child, "".join(f"{line}\n" for line in lines).encode("ascii"))
        finally:
            child.kill()


def git(repository: Path, *arguments: str) -> str:
    """Run one git command that reads, and return what it printed.

    Raises:
        SourceError: git failed; with its own words.
    """
    done = _run(repository, *arguments)
    if done.returncode != 0:
        raise SourceError(f"git {arguments[0]} failed in {repository}: {_words(done.stderr)}")
    return done.stdout.decode("utf-8", "surrogateescape")


def _run(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            _argv(repository, *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=_environment(),
        )
    except FileNotFoundError:
        raise SourceError("git is not installed on this machine", hint="install git") from None


def _argv(repository: Path, *arguments: str) -> list[str]:
    return ["git", "-c", "core.quotePath=false", "-C", str(repository), *arguments]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def _words(stderr: bytes) -> str:
    return stderr.decode("utf-8", "replace").strip() or "it did not say why"


def _stream(child: subprocess.Popen[bytes], revisions: bytes) -> Iterator[bytes]:
    assert child.stdin is not None  # noqa: S101  # all three were asked for as pipes
    assert child.stdout is not None  # noqa: S101
    assert child.stderr is not None  # noqa: S101
    child.stdin.write(revisions)
    child.stdin.close()
    while piece := child.stdout.read(CHUNK):
        yield piece
    if child.wait() != 0:
        raise SourceError(f"git could not pack the commits: {_words(child.stderr.read())}")


def _known(git_dir: Path, shas: Sequence[str]) -> list[str]:
    if not shas:
        return []
    done = subprocess.run(
        _argv(git_dir, "cat-file", "--batch-check=%(objectname) %(objecttype)"),
        input="".join(f"{sha}\n" for sha in shas).encode("ascii"),
        capture_output=True,
        check=True,
        env=_environment(),
    )
    lines = (line.split() for line in done.stdout.decode("ascii").splitlines())
    return [words[0] for words in lines if words[1] != "missing"]


def _open(repository: Path) -> None:
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo  # it takes 0.1 s to import

    try:
        with Repo(repository, search_parent_directories=True):
            return
    except (InvalidGitRepositoryError, NoSuchPathError):
        raise SourceError(
            f"{repository} is not in a git repository", hint="`repository` in deliver.toml says where it is"
        ) from None


def _commit(repository: Path, reference: str) -> str | None:
    done = _run(repository, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{reference}^{{commit}}")
    return done.stdout.decode("ascii").strip() if done.returncode == 0 else None


def _checked(flag: str, name: str) -> str:
    if not _NAME.fullmatch(name) or ".." in name:
        raise SourceError(f"{flag} {name!r} is nothing that git could have")
    return name


def _untagged(repository: Path, revision: str, branch: str, *, verify_tags: bool) -> Source:
    if verify_tags:
        raise SourceError(
            "only signed tags are built here: verify_tags is set, and --revision and --branch name none",
            hint="sign a tag (git tag -s), or add --set verify_tags=false",
        )
    if branch:
        name = _checked("--branch", branch)
        commit = _commit(repository, f"refs/heads/{name}") or _commit(repository, f"refs/remotes/{name}")
        known = git(repository, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/remotes")
        candidates = known.splitlines()
    else:
        name = _checked("--revision", revision)
        commit, candidates = _commit(repository, name), []
    if commit is None:
        kind = "branch" if branch else "revision"
        raise SourceError(f"there is no {kind} {name!r} in {repository}", hint=_nearest(name, candidates))
    return Source(repository, commit)


def _nearest(name: str, candidates: Sequence[str]) -> str:
    near = get_close_matches(name, candidates, n=5, cutoff=0.4)
    if near:
        return "nearest: " + ", ".join(near)
    return "fetch it first (git fetch --tags), or name another"


def _tag_named(repository: Path, asked: str, prefix: str) -> str:
    name = _checked("--tag", asked)
    names = dict.fromkeys([name, prefix + name, name.removeprefix(prefix) or name])
    found = {one: commit for one in names if (commit := _commit(repository, f"refs/tags/{one}"))}
    if not found:
        raise SourceError(f"there is no tag {name!r} in {repository}", hint=_nearest(name, tags(repository)))
    if len(set(found.values())) > 1:
        listed = " and ".join(f"{one} ({commit[:12]})" for one, commit in found.items())
        raise SourceError(
            f"{name!r} is ambiguous: {listed} name one version and different commits",
            hint="delete the tag that is wrong (git tag -d), or name the commit with --revision",
        )
    return next(iter(found))


def _tagged(repository: Path, name: str, prefix: str, *, verify_tags: bool) -> Source:
    reference = f"refs/tags/{name}"
    commit = _commit(repository, reference)
    if commit is None:
        raise SourceError(f"the tag {name} does not name a commit")
    sha = git(repository, "rev-parse", "--verify", "--end-of-options", reference).strip()
    if verify_tags:
        _verify(repository, name, sha)
    expected = name.removeprefix(prefix) if _is_version(name, prefix) else ""
    return Source(repository, commit, name, "" if sha == commit else sha, expected)


def _verify(repository: Path, name: str, sha: str) -> None:
    done = _run(repository, "verify-tag", "--format=%(tag)", sha)
    if done.returncode != 0:
        # With --format git does not tell what is wrong with a signature by ssh.
        why = _run(repository, "verify-tag", sha).stderr or done.stderr
        raise SourceError(
            f"the tag {name} has no good signature: {_words(why)}",
            hint="sign it (git tag -s), or give git the signer's key (gpg.ssh.allowedSignersFile, or the gpg keyring)",
        )
    signed = done.stdout.decode("utf-8", "replace").strip()
    if signed != name:
        raise SourceError(
            f"the tag {name} carries the signature of another tag, {signed}",
            hint=f"somebody gave {signed} another name: ask who signed it, and delete {name} (git tag -d)",
        )


def _is_version(name: str, prefix: str) -> bool:
    return bool(_VERSION.fullmatch(name.removeprefix(prefix)))


def _gitlinks(git_dir: Path, commit: str) -> list[tuple[str, str]]:
    listed = git(git_dir, "ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
    links = (line.split("\t", 1) for line in listed if line.startswith("160000 "))
    return [(path, head.split()[2]) for head, path in links]


def _module(repository: Path, git_dir: Path, commit: str, path: str, sha: str, shown: str) -> Path:
    places = [git_dir / "modules" / name for name in _module_names(git_dir, commit, path)]
    top = worktree(repository)
    if top is not None:
        places.append(top / shown)
    for place in places:
        is_repository = (place / "HEAD").exists() or (place / ".git").exists()
        if is_repository and _commit(place, sha):
            return Path(common_dir(place))
    raise SourceError(
        f"the submodule {shown} is not here at {sha[:12]}, which {commit[:12]} asks for",
        hint=f"git -C {repository} submodule update --init --recursive",
    )


def _module_names(git_dir: Path, commit: str, path: str) -> list[str]:
    # -z ends the key with a newline and the value with a NUL.
    done = _run(git_dir, "config", "-z", "--blob", f"{commit}:.gitmodules", "--get-regexp", r"^submodule\..*\.path$")
    pairs = (entry.split("\n", 1) for entry in done.stdout.decode("utf-8", "surrogateescape").split("\0") if entry)
    return [key.removeprefix("submodule.").removesuffix(".path") for key, value in pairs if value == path]


def worktree(repository: Path) -> Path | None:
    """Return the top directory of a repository's working tree; None when it has none."""
    done = _run(repository, "rev-parse", "--show-toplevel")
    return Path(done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")) if done.returncode == 0 else None
