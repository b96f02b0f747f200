"""What a build is: its toolchain, the tools it needs, the digest of all that shapes it, and its scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from dataclasses import asdict, dataclass
from typing import Any, Literal

from deliver.config.schema import Build, Config, Content, Host, Value
from deliver.errors import BuildError, ConfigError
from deliver.remote.script import Argument, Script, payload, script
from deliver.secret import Secret
from deliver.source import Source, Submodule

Toolchain = Literal["mix", "rebar3", "command"]

#: Changes whenever a build of one commit by one configuration may give another release than before.
RECIPE_FORMAT = 1
#: Below the home directory: where builds happen when the configuration does not say.
DEFAULT_PATH = ".cache/deliver"

_PROJECT_FILES: dict[str, Toolchain] = {"mix.exs": "mix", "rebar.config": "rebar3", "rebar.config.script": "rebar3"}
_TOOLS: dict[Toolchain, tuple[str, ...]] = {
    "mix": ("git", "erl", "escript", "elixir", "mix", "sha256sum"),
    "rebar3": ("git", "erl", "escript", "rebar3", "sha256sum"),
    "command": ("git", "escript", "sha256sum"),
}
_PARTS = (
    "node.sh",
    "lock.sh",
    "build_git.sh",
    "build_checkout.sh",
    "build_cache.sh",
    "collect.sh",
)


@dataclass(frozen=True)
class Request:
    """What to build, and how to go about it.

    Args:
        tag: the tag, or the version it stands for.
        revision: anything that names a commit.
        branch: a branch.
        lock_wait: seconds to wait while somebody else builds the same application.
        allow_version_mismatch: whether the release may have another version than the tag says.
        rebuild: whether a commit that is in the store is built again.
    """

    tag: str = ""
    revision: str = ""
    branch: str = ""
    lock_wait: int = 0
    allow_version_mismatch: bool = False
    rebuild: bool = False


def toolchain(build: Build, names: set[str]) -> Toolchain:
    """Return what builds a project.

    Args:
        build: what the configuration says.
        names: the files in the project's directory at the commit.

    Raises:
        ConfigError: `command` is asked for, and there is none.
        BuildError: nothing in the directory says what it is.
    """
    wanted = build.toolchain
    if wanted == "command" and not build.command:
        raise ConfigError('build.toolchain is "command", and build.command is not set')
    if wanted != "auto":
        return wanted
    if build.command:
        return "command"
    for name, found in _PROJECT_FILES.items():
        if name in names:
            return found
    where = "the repository" if build.directory == "." else build.directory
    raise BuildError(
        f"there is neither mix.exs nor rebar.config in {where} at this commit",
        hint="build.directory says where the project is; build.command builds anything else",
    )


def tools(build: Build, chosen: Toolchain) -> tuple[str, ...]:
    """Return the programs that a build host must have."""
    return (*_TOOLS[chosen], "base64") if build.files else _TOOLS[chosen]


def recipe(config: Config) -> str:
    """Return the digest of everything in the configuration that shapes a release; secrets count by their hash.

    A file that the build host keeps counts by its path.
    """
    build = config.build
    shaping = {
        "format": RECIPE_FORMAT,
        "app": config.app,
        "toolchain": build.toolchain,
        "release": build.release,
        "mix_env": build.mix_env,
        "profile": build.profile,
        "command": build.command,
        "output": build.output,
        "directory": build.directory,
        "login_profile": build.login_profile,
        "env": {name: _digest(_revealed(value)) for name, value in build.env.items()},
        "files": {path: _content_digest(content) for path, content in build.files.items()},
        "hooks": asdict(build.hooks),
    }
    return _digest(json.dumps(shaping, sort_keys=True))


def location(host: Host) -> str:
    """Return the directory of a build host below which builds happen."""
    return host.path or DEFAULT_PATH


def prepare_script(config: Config, chosen: Toolchain) -> Script:
    """Return the script that says what the build host has."""
    needed = " ".join(tools(config.build, chosen))
    arguments = {"path": location(config.build.host), "app": config.app, "tools": needed}
    return in_environment(config.build, script("prepare.sh", arguments, parts=("node.sh",)))


@dataclass(frozen=True)
class Job:
    """One build: what is built, by what, and where its result goes.

    Args:
        source: the commit.
        submodules: the ones at that commit.
        shallow: where the history that the build host has is cut.
        chosen: the toolchain.
        recipe: the digest of all that shapes the release.
        token: the name of the directory for the result.
        holder: what the build lock tells of us.
        lock_wait: seconds to wait for it.
    """

    source: Source
    submodules: tuple[Submodule, ...]
    shallow: tuple[str, ...]
    chosen: Toolchain
    recipe: str
    token: str
    holder: str
    lock_wait: int = 0


def build_script(config: Config, job: Job) -> Script:
    """Return the script of a whole build.

    Raises:
        ConfigError: a file that goes into the checkout cannot be read.
    """
    inner = script("build.sh", _arguments(config, job), parts=(*_PARTS, f"build_{job.chosen}.sh"))
    lines, secrets = _place_files(config.build)
    return in_environment(config.build, Script(inner.name, lines + inner.text, (*secrets, *inner.secrets)))


def _arguments(config: Config, job: Job) -> dict[str, Argument]:
    build, source = config.build, job.source
    return {
        "path": location(build.host),
        "app": config.app,
        "holder": job.holder,
        "lock_wait": job.lock_wait,
        "token": job.token,
        "commit": source.commit,
        "tag": source.tag,
        "tag_object": source.tag_object,
        "version": source.version,
        "shallow": "\n".join(job.shallow),
        "submodules": "\n".join(f"{one.commit} {one.path}" for one in job.submodules),
        "recipe": job.recipe,
        "use_cache": "yes" if build.cache else "no",
        "directory": "" if build.directory == "." else build.directory.strip("/"),
        "release": build.release or config.app,
        "mix_env": build.mix_env,
        "profile": build.profile,
        "command": build.command,
        "output": build.output,
        **asdict(build.hooks),
        **_programs(job.chosen),
    }


def _programs(chosen: Toolchain) -> dict[str, str]:
    programs = {"inspect_escript": payload("inspect.escript")}
    if chosen == "mix":
        return {**programs, "versions_exs": payload("versions.exs"), "project_exs": payload("project.exs")}
    return {**programs, "versions_escript": payload("versions.escript")}


def in_environment(build: Build, inner: Script) -> Script:
    """Return a script that runs in the environment of a build's steps."""
    # The environment comes first: whatever its variables are called, ours are set after them.
    exports = "".join(f"export {name}={shlex.quote(_revealed(value))}\n" for name, value in build.env.items())
    head = (
        f"login_profile={'yes' if build.login_profile else 'no'}\n"
        f"{payload('build_env.sh')}build_environment() {{\n:\n{exports}}}\nenter_environment\n"
    )
    secrets = [value for value in build.env.values() if isinstance(value, Secret)]
    return Script(inner.name, head + inner.text, (*secrets, *inner.secrets))


def _place_files(build: Build) -> tuple[str, list[Secret]]:
    lines: list[str] = []
    secrets: list[Secret] = []
    for path, content in build.files.items():
        if content.host is not None:
            words = ["place_copy", path, f"{content.mode:o}", content.host]
        else:
            encoded = base64.b64encode(_content(content)).decode("ascii")
            words = ["place_content", path, f"{content.mode:o}", encoded]
            secrets += [Secret(encoded)] if content.secret is not None else []
        lines.append(f"{shlex.join(words)} || return 1\n")
    hidden = [path for path, content in build.files.items() if content.secret is not None]
    removals = "".join(f"remove_placed {shlex.quote(path)}\n" for path in hidden)
    return f"place_files() {{\n:\n{''.join(lines)}}}\nremove_secrets() {{\n:\n{removals}}}\n", secrets


def _content(content: Content) -> bytes:
    if content.source is not None:
        try:
            return content.source.read_bytes()
        except OSError as error:
            raise ConfigError(f"build.files: cannot read {content.source}: {error.strerror}") from error
    text = content.secret.reveal if content.secret is not None else content.text or ""
    return text.encode("utf-8", "surrogateescape")


def _content_digest(content: Content) -> list[Any]:
    held = f"host:{content.host}" if content.host is not None else _digest(_content(content))
    return [held, content.mode]


def _revealed(value: Value) -> str:
    return value.reveal if isinstance(value, Secret) else value


def _digest(value: str | bytes) -> str:
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return hashlib.sha256(data).hexdigest()
