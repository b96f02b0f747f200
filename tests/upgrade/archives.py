"""Archives of releases, made as their own tools make them, without deliver."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from tests.apps.repository import make_repository
from tests.ports import bell_config
from tests.store.apps import run


def mix_archives(directory: Path, *, erts: bool = True) -> list[Path]:
    """Make archives of both versions of the counter by `mix release` with the step `:tar`."""
    options = f"steps: [:assemble, :tar], include_erts: {str(erts).lower()}"
    project = make_repository(directory / "counter", "counter")
    made = []
    for version in ("0.1.0", "0.2.0"):
        project.git("checkout", "--quiet", "--force", f"v{version}")
        file = project.path / "mix.exs"
        file.write_text(file.read_text().replace("deps: []", f"releases: [counter: [{options}]],\n      deps: []"))
        # Within one second, mix takes files for what they were before.
        shutil.rmtree(project.path / "_build/prod/lib", ignore_errors=True)
        run(["mix", "release", "--overwrite"], cwd=project.path)
        made.append(project.path / f"_build/prod/counter-{version}.tar.gz")
    return made


def rebar3_archives(directory: Path, *, mode: str = "{mode, prod}") -> list[Path]:
    """Make archives of both versions of the bell by `rebar3 as prod tar`; `mode` goes into its relx section."""
    project = make_repository(directory / "bell", "bell", files=bell_config())
    made = []
    for version in ("0.1.0", "0.2.0"):
        project.git("checkout", "--quiet", "--force", f"v{version}")
        file = project.path / "rebar.config"
        file.write_text(file.read_text().replace("{mode, prod}", mode).replace("{mode, dev}", mode))
        run(["rebar3", "as", "prod", "tar"], cwd=project.path)
        made.append(project.path / f"_build/prod/rel/bell/bell-{version}.tar.gz")
    return made


def with_files(archive: Path, directory: Path, files: dict[str, bytes]) -> Path:
    """Make an archive by hand, in `directory`, of one that is unpacked: with more files and a leading directory."""
    root = directory / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(root)  # noqa: S202  # our own
    for name, content in files.items():
        (root / name).write_bytes(content)
    made = directory / "by hand.tar"
    with tarfile.open(made, "w") as tar:
        tar.add(root, "bell")
    return made
