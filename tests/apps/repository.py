"""Git repositories of the applications beside this file."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

APPS = Path(__file__).parent
BASE_VERSION = "0.1.0"

#: Files that name the version of the project.
VERSIONED = ("mix.exs", "rebar.config", "*.app.src", "Makefile")
#: The repositories that an application needs besides its own.
LIBRARIES = {"orders": "ledger", "signs": "words"}
#: Nobody's git configuration has a say, and one history has the same commits everywhere.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "protocol.file.allow",
    "GIT_CONFIG_VALUE_0": "always",
    "GIT_AUTHOR_NAME": "A. Developer",
    "GIT_AUTHOR_EMAIL": "developer@example.com",
    "GIT_COMMITTER_NAME": "A. Developer",
    "GIT_COMMITTER_EMAIL": "developer@example.com",
    "GIT_AUTHOR_DATE": "2024-01-01T12:00:00Z",
    "GIT_COMMITTER_DATE": "2024-01-01T12:00:00Z",
}


@dataclass(frozen=True)
class Tag:
    """A tag to make: `Tag("v0.1.0", annotated=True)`; the version is what follows the letters."""

    name: str
    annotated: bool = False

    @property
    def version(self) -> str:
        """The version that the tag names."""
        return self.name.lstrip("abcdefghijklmnopqrstuvwxyz-/")


@dataclass(frozen=True)
class Repository:
    """A git repository with a working tree, on the branch `main`."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Run git in it, and return what it wrote, without the last newline."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={**os.environ, **ENVIRONMENT},
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"git {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout.rstrip("\n")

    def commit_of(self, revision: str) -> str:
        """Return the full SHA of the commit that a tag or revision names."""
        return self.git("rev-parse", "--verify", f"{revision}^{{commit}}")

    def write(self, files: Mapping[str, str]) -> None:
        """Write texts into the working tree."""
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)

    def commit(self, message: str, files: Mapping[str, str] | None = None) -> str:
        """Write files, commit all that has changed, and return the commit's SHA."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.commit_of("HEAD")

    def tag(self, name: str, *, annotated: bool = False) -> None:
        """Tag the newest commit."""
        self.git("tag", *(["--annotate", "--message", name] if annotated else []), name)

    def use_version(self, app: str, version: str) -> None:
        """Bring the working tree to a version of an application."""
        overlay = APPS / app / version
        if overlay.is_dir():
            # Keeping the old times would hide changes of equal size from git.
            shutil.copytree(overlay, self.path, dirs_exist_ok=True, copy_function=shutil.copy)
        for file in (APPS / app / "base").rglob("*"):
            if any(file.match(pattern) for pattern in VERSIONED):
                inside = file.relative_to(APPS / app / "base")
                source = overlay / inside if (overlay / inside).exists() else file
                (self.path / inside).write_text(source.read_text().replace(BASE_VERSION, version))


def make_repository(
    path: Path,
    app: str,
    versions: Sequence[str | Tag] = ("v0.1.0", "v0.2.0"),
    *,
    library: str = "",
    files: Mapping[str, str] | None = None,
) -> Repository:
    """Make a repository of an application, with a commit and a tag for each version.

    The repository of a library that the application needs is made beside it: `<path>-ledger` or `<path>-words`.

    Args:
        path: the directory to make.
        app: the name of a directory here.
        versions: tags in the order of their commits; a text makes a lightweight one.
        library: the URL of the library's repository as builders see it; by default the one that is made.
        files: texts by name, to have in every version besides the application's own.
    """
    repository = _init(path, app)
    repository.write(files or {})
    replaced = _libraries(repository, app, library)
    for tag in (Tag(one) if isinstance(one, str) else one for one in versions):
        repository.use_version(app, tag.version)
        _replace(path, replaced)
        repository.commit(f"Version {tag.version}")
        repository.tag(tag.name, annotated=tag.annotated)
    return repository


def _init(path: Path, app: str) -> Repository:
    shutil.copytree(APPS / app / "base", path, copy_function=shutil.copy)
    repository = Repository(path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    return repository


def _libraries(repository: Repository, app: str, url: str) -> dict[str, str]:
    """Make what the application needs; return the texts to replace in its files."""
    name = LIBRARIES.get(app)
    if name is None:
        return {}
    path = repository.path.with_name(f"{repository.path.name}-{name}")
    library = make_repository(path, name, ["1.4.0"])
    if app == "signs":
        repository.git("submodule", "--quiet", "add", url or str(path), "vendor/words")
        return {}
    return {"@LEDGER@": url or path.as_uri(), "@LEDGER_COMMIT@": library.commit_of("1.4.0")}


def _replace(path: Path, replaced: Mapping[str, str]) -> None:
    for name in ("mix.exs", "mix.lock") if replaced else ():
        text = (path / name).read_text()
        for placeholder, value in replaced.items():
            text = text.replace(placeholder, value)
        (path / name).write_text(text)
