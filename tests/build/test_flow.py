"""From a tag to a release in the store, with real tools, on this machine as the build host."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Content, Hooks, Host
from deliver.errors import BuildError, ConfigError, StoreError
from deliver.otp.manifest import Manifest
from deliver.secret import Secret
from tests.apps.repository import Tag
from tests.build.workshop import Workshop

pytestmark = pytest.mark.slow

MAKE = {"command": "make VERSION=$DELIVER_VERSION", "output": "out"}


@pytest.fixture
def counter(tmp_path: Path) -> Workshop:
    return Workshop.make(tmp_path, "counter")


def paths(manifest: Manifest) -> set[str]:
    return set(manifest.by_path)


def test_a_mix_application_is_built_from_its_newest_tag(counter: Workshop) -> None:
    built = counter.build()
    release = built.release
    assert (release.name, release.version, release.tag, release.kind) == ("counter", "0.2.0", "v0.2.0", "mix")
    assert release.commit == counter.repository.commit_of("v0.2.0")
    assert set(release.toolchain) == {"otp", "elixir"}
    assert (release.build_host, release.includes_erts, release.size > 5_000_000) == ("local", True, True)
    assert {one.name for one in release.applications} > {"kernel", "elixir", "counter"}
    assert built.is_new
    assert list(built.steps) == ["checkout", "deps", "compile", "release"]
    files = paths(counter.store.manifest(release))
    assert "lib/counter-0.2.0/ebin/counter.app" in files
    assert not files & {"releases/COOKIE", "releases/RELEASES", "releases/start_erl.data"}
    assert counter.leftovers() == set()


def test_the_target_says_what_the_binaries_need(counter: Workshop) -> None:
    target = counter.build().release.target
    assert (target.os, target.arch) == (os.uname().sysname.lower(), os.uname().machine)
    assert target.libc in {"glibc", "musl"}
    if target.libc == "glibc":
        have = os.confstr("CS_GNU_LIBC_VERSION") or ""
        assert (2, 2) < tuple(map(int, target.libc_version.split("."))) <= tuple(map(int, have.split()[1].split(".")))
    assert target.erts


def test_a_rebar3_application_is_built_with_its_profile(tmp_path: Path) -> None:
    bell = Workshop.make(tmp_path, "bell")
    release = bell.build(tag="0.1.0").release
    assert (release.version, release.kind, set(release.toolchain)) == ("0.1.0", "rebar3", {"otp", "rebar3"})
    assert "lib/bell-0.1.0/ebin/bell.app" in paths(bell.store.manifest(release))
    again = bell.build(tag="0.1.0", rebuild=True)
    assert not again.is_new
    assert again.release == release


def test_a_development_release_that_links_to_the_checkout_is_refused(tmp_path: Path) -> None:
    bell = Workshop.make(tmp_path, "bell")
    bell.use(profile="default")
    with pytest.raises(BuildError, match="leads out of it") as caught:
        bell.build()
    assert "dev_mode" in caught.value.hint
    assert bell.leftovers() == set()


def test_each_release_of_an_umbrella_is_chosen_by_its_name(tmp_path: Path) -> None:
    market = Workshop.make(tmp_path, "market", release="shop")
    shop = market.build().release
    market.config = replace(market.config, app="office")
    office = market.build().release
    assert {shop.name, office.name} == {"shop", "office"}
    assert {one.name for one in shop.applications} != {one.name for one in office.applications}


def test_a_release_that_the_project_does_not_have_is_told_with_those_it_has(tmp_path: Path) -> None:
    market = Workshop.make(tmp_path, "market", release="shopp")
    with pytest.raises(BuildError, match="no release called shopp; it has: shop office"):
        market.build()
    market.use(release="shop")
    with pytest.raises(BuildError, match=r"called shop, and `app` in .*/deliver\.toml is shopp") as caught:
        market.build()
    assert 'app = "shop"' in caught.value.hint
    assert market.leftovers() == set()


def test_a_submodule_is_checked_out_at_exactly_its_commit(tmp_path: Path) -> None:
    signs = Workshop.make(tmp_path, "signs")
    words = Path(f"{signs.repository.path}-words")
    assert words.is_dir()
    signs.build()
    inside = signs.root / "checkout/vendor/words"
    assert signs.repository.git("-C", str(inside), "rev-parse", "HEAD") == signs.repository.git(
        "rev-parse", "HEAD:vendor/words"
    )
    assert signs.repository.git("-C", str(inside), "status", "--porcelain") == ""


def test_a_submodule_in_priv_takes_none_of_gits_dates_into_the_release(tmp_path: Path) -> None:
    signs = Workshop.make(tmp_path, "signs")
    signs.repository.git("submodule", "--quiet", "add", f"{signs.repository.path}-words", "priv/more words")
    signs.repository.commit("more words")
    manifest = signs.manifest(branch="main")
    inside = {path.split("/more words/")[1] for path in manifest.by_path if "/more words/" in path}
    assert inside == {".git", "words.txt"}
    assert signs.manifest(branch="main", rebuild=True) == manifest


def test_ports_nifs_and_odd_names_in_priv_come_along(tmp_path: Path) -> None:
    thermo = Workshop.make(tmp_path, "thermo")
    manifest = thermo.manifest()
    priv = {path.rsplit("/", 1)[1]: entry for path, entry in manifest.by_path.items() if "thermo-0.2.0/priv/" in path}
    assert {"größe.txt", "print label.sh", "text of the label.txt"} <= set(priv)
    assert priv["print label.sh"].mode & 0o111


def test_any_command_line_may_make_the_release(tmp_path: Path) -> None:
    plain = Workshop.make(tmp_path, "plain")
    plain.use(**MAKE)
    release = plain.build().release
    assert (release.version, release.kind, set(release.toolchain)) == ("0.2.0", "command", {"otp"})
    assert not plain.build(rebuild=True).is_new


def test_a_command_that_leaves_no_release_is_told_so(tmp_path: Path) -> None:
    plain = Workshop.make(tmp_path, "plain")
    plain.use(command="mkdir empty", output="empty")
    with pytest.raises(BuildError, match="there is no release in"):
        plain.build()
    plain.use(command="true", output="nowhere")
    with pytest.raises(BuildError, match="left no directory nowhere"):
        plain.build()
    plain.use(command='mkdir -p "$DELIVER_OUTPUT" && cp -R . "$DELIVER_OUTPUT" && exit 3', output="")
    with pytest.raises(BuildError, match="step release failed with status 3"):
        plain.build()
    assert plain.leftovers() == set()


def test_a_project_in_a_subdirectory_is_built_there(tmp_path: Path) -> None:
    workshop = Workshop.make(tmp_path, "counter", ["v0.1.0"])
    repository = workshop.repository
    (repository.path / "the app").mkdir()
    for name in ("mix.exs", "lib", "config"):
        repository.git("mv", name, f"the app/{name}")
    repository.commit("moved")
    with pytest.raises(BuildError, match=r"neither mix\.exs nor rebar\.config") as caught:
        workshop.build(revision="HEAD")
    assert "build.directory" in caught.value.hint
    workshop.use(directory="the app/")
    assert workshop.build(revision="HEAD").release.version == "0.1.0"


class TestWhatIsInTheStore:
    def test_it_is_not_built_again_and_the_build_host_is_left_alone(self, counter: Workshop) -> None:
        first = counter.build()
        counter.use(host=Host("a-host-that-nobody-has"), timeout=5.0)
        began = time.monotonic()
        again = counter.build()
        assert time.monotonic() - began < 1.0
        assert again.release == first.release
        assert not again.was_run
        assert counter.story.scripts == []

    def test_another_recipe_is_another_build(self, counter: Workshop) -> None:
        counter.build()
        counter.use(env={"SOMETHING": "else"})
        again = counter.build()
        assert again.was_run
        assert not again.is_new

    def test_other_content_under_the_same_version_is_refused_with_advice(self, counter: Workshop) -> None:
        counter.build()
        counter.repository.commit("changed", {"lib/counter/more.ex": "defmodule Counter.More do\nend\n"})
        counter.repository.git("tag", "--force", "v0.2.0")
        with pytest.raises(StoreError, match="with other content") as caught:
            counter.build()
        assert "new version" in caught.value.hint
        assert counter.leftovers() == set()


class TestVersions:
    def test_a_release_that_is_not_what_its_tag_says_is_refused(self, counter: Workshop) -> None:
        counter.repository.tag("v0.3.0")
        with pytest.raises(BuildError, match=r"the tag v0\.3\.0 built counter 0\.2\.0") as caught:
            counter.build()
        assert "--allow-version-mismatch" in caught.value.hint
        assert counter.store.releases() == []
        assert counter.leftovers() == set()
        assert counter.build(allow_version_mismatch=True).release.version == "0.2.0"
        with pytest.raises(BuildError, match=r"the tag v0\.3\.0 built counter 0\.2\.0"):
            counter.build()

    def test_two_tags_of_one_commit_are_two_releases_where_git_says_the_version(self, counter: Workshop) -> None:
        described = '(System.cmd("git", ["describe"]) |> elem(0) |> String.trim() |> String.trim_leading("v"))'
        project = (counter.repository.path / "mix.exs").read_text().replace('"0.2.0"', described)
        counter.repository.commit("described", {"mix.exs": project})
        for tag in ("v1.0.0-rc.1", "v1.0.0"):
            counter.repository.tag(tag, annotated=True)
            assert counter.build().release.version == tag[1:]

    def test_a_revision_has_no_version_to_disagree_with(self, counter: Workshop) -> None:
        release = counter.build(revision="v0.1.0").release
        assert (release.version, release.tag) == ("0.1.0", "")


class TestWhatIsBuilt:
    def test_changes_of_the_working_tree_are_told_and_left_out(self, counter: Workshop) -> None:
        clean = counter.manifest()
        (counter.repository.path / "lib/counter/dirty.ex").write_text("defmodule Dirty do\nend\n")
        (counter.repository.path / "mix.exs").write_text("broken")
        assert counter.manifest(rebuild=True) == clean
        assert counter.story.warnings == [
            "the working tree differs from HEAD (2 files): what is built is v0.2.0, without that"
        ]

    def test_a_build_leaves_the_clone_as_it_was(self, counter: Workshop) -> None:
        def state() -> list[str]:
            git = counter.repository.git
            return [git("for-each-ref"), git("remote", "-v"), git("status", "--porcelain"), git("config", "--list")]

        before = state()
        counter.build(tag="v0.1.0")
        assert state() == before

    def test_only_what_the_build_host_lacks_is_sent(self, counter: Workshop) -> None:
        first = counter.build(tag="v0.1.0")
        second = counter.build(tag="v0.2.0")
        third = counter.build(tag="v0.2.0", rebuild=True)
        assert first.sent > second.sent > third.sent == 0
        assert "receive.sh" not in counter.story.ran
        refs = counter.repository.git("-C", str(counter.root / "repository.git"), "for-each-ref", "--format=%(refname)")
        assert {ref.rsplit("/", 1)[0] for ref in refs.split()} == {"refs/deliver"}

    def test_git_describe_works_while_building(self, tmp_path: Path) -> None:
        counter = Workshop.make(tmp_path, "counter", [Tag("v0.1.0"), Tag("v0.2.0", annotated=True)])
        counter.use(hooks=Hooks(before_compile="git describe --exact-match >&2 && git log --oneline | wc -l"))
        counter.build()
        assert "v0.2.0\n2\n" in counter.story.logged

    @pytest.mark.parametrize("depth", [1, 2])
    def test_a_shallow_clone_is_enough(self, counter: Workshop, tmp_path: Path, depth: int) -> None:
        clone = tmp_path / "clone"
        source = counter.repository
        source.git("clone", "--quiet", "--depth", str(depth), source.path.as_uri(), str(clone))
        source.git("-C", str(clone), "fetch", "--quiet", "--tags", "--depth", str(depth))
        counter.use(hooks=Hooks(before_compile="git describe --tags && git log --oneline"))
        whole = counter.config
        counter.config = replace(whole, repository=clone)
        shallow = counter.manifest()
        counter.config = whole
        assert counter.manifest(rebuild=True) == shallow
        assert "fatal" not in counter.story.logged

    def test_a_lock_file_that_does_not_say_all_is_warned_of(self, tmp_path: Path) -> None:
        orders = Workshop.make(tmp_path, "orders")
        orders.repository.git("rm", "--quiet", "mix.lock")
        orders.repository.commit("unlocked")
        orders.build(revision="HEAD")
        assert [text for text in orders.story.warnings if "changed a lock file" in text]


class TestCache:
    def test_a_cached_and_a_clean_build_have_equal_manifests(self, tmp_path: Path) -> None:
        orders = Workshop.make(tmp_path, "orders")
        clean = orders.manifest()
        assert "Compiling 1 file (.ex)\nGenerated ledger app" in orders.story.logged
        assert orders.manifest(rebuild=True) == clean
        assert "dependencies come from the cache" in orders.story.steps
        assert "Generated ledger app" not in orders.story.logged
        assert "Generated orders app" in orders.story.logged
        orders.use(cache=False)
        assert orders.manifest(rebuild=True) == clean
        assert "Generated ledger app" in orders.story.logged

    def test_a_new_version_of_the_project_uses_the_same_dependencies(self, tmp_path: Path) -> None:
        orders = Workshop.make(tmp_path, "orders")
        orders.build(tag="0.1.0")
        orders.build(tag="0.2.0")
        assert "dependencies come from the cache" in orders.story.steps

    def test_what_shapes_dependencies_changes_the_key(self, tmp_path: Path) -> None:
        orders = Workshop.make(tmp_path, "orders")
        orders.build()
        orders.repository.commit("configured", {"config/config.exs": "import Config\nconfig :ledger, key: 1\n"})
        with pytest.raises(StoreError):
            orders.build(revision="HEAD")
        assert "dependencies come from the cache" not in orders.story.steps

    def test_a_build_cannot_spoil_it_and_only_three_are_kept(self, tmp_path: Path) -> None:
        orders = Workshop.make(tmp_path, "orders")
        clean = orders.manifest()
        spoil = "rm -rf deps _build && exit 1"
        orders.use(hooks=Hooks(before_release=spoil))
        for number in range(4):
            orders.use(env={"NUMBER": str(number)})
            with pytest.raises(BuildError):
                orders.build(rebuild=True)
        assert len(list((orders.root / "cache").iterdir())) == 3
        orders.use(hooks=Hooks(), env={})
        assert orders.manifest(rebuild=True) == clean

    def test_dependencies_of_rebar3_are_kept_too(self, tmp_path: Path) -> None:
        bell, library = Workshop.make(tmp_path, "bell"), Workshop.make(tmp_path / "library", "bell").repository
        library.git("mv", "src/bell.app.src", "src/chime.app.src")
        for path in (library.path / "src").iterdir():
            path.write_text(path.read_text().replace("bell", "chime"))
            path.rename(path.with_name(path.name.replace("bell", "chime")))
        commit = library.commit("chime")
        url = library.path.as_uri()
        config = bell.repository.path / "rebar.config"
        dependency = f'{{deps, [{{chime, {{git, "{url}", {{ref, "{commit}"}}}}}}]}}.'
        lock = f'[{{<<"chime">>,\n  {{git,"{url}",\n       {{ref,"{commit}"}}}},\n  0}}].\n'
        bell.repository.commit("dep", {"rebar.config": config.read_text() + dependency, "rebar.lock": lock})
        clean = bell.manifest(revision="HEAD")
        assert "Compiling chime" in bell.story.logged
        assert bell.manifest(revision="HEAD", rebuild=True) == clean
        assert "dependencies come from the cache" in bell.story.steps
        compiled = "_build/default/lib/chime/ebin/chime.beam"
        (kept,) = (bell.root / "cache").glob(f"*/{compiled}")
        assert (bell.root / "checkout" / compiled).stat().st_mtime_ns == kept.stat().st_mtime_ns


class TestFilesAndEnvironment:
    def test_files_are_in_place_before_anything_runs(self, counter: Workshop, tmp_path: Path) -> None:
        kept, sent = tmp_path / "kept on the host", tmp_path / "sent"
        kept.write_text("kept")
        sent.write_bytes(b"\0binary\n")
        counter.use(
            files={
                "priv/a b/kept": Content(host=str(kept)),
                "priv/sent": Content(source=sent, mode=0o644),
                "priv/text": Content(text="it's\ntext"),
                "priv/secret": Content(secret=Secret("hush, hush"), mode=0o640),
                "README.md": Content(text="replaced"),
            },
            hooks=Hooks(before_deps="stat -c '%a %s %n' priv/*/* priv/* && cat priv/secret README.md"),
        )
        manifest = counter.manifest()
        priv = {path.split("/priv/")[1]: entry.mode for path, entry in manifest.by_path.items() if "/priv/" in path}
        mine = {name: mode for name, mode in priv.items() if name in {"a b/kept", "sent", "text", "secret"}}
        assert mine == {"a b/kept": 0o600, "sent": 0o644, "text": 0o600, "secret": 0o640}
        assert (counter.root / "checkout/README.md").read_text() == "replaced"
        assert (counter.root / "checkout/priv/sent").read_bytes() == b"\0binary\n"
        assert not (counter.root / "checkout/priv/secret").exists()
        assert "hush" not in "".join(text for _, text in counter.story.scripts)

    def test_a_file_that_the_host_does_not_have_is_named(self, counter: Workshop) -> None:
        counter.use(files={"x": Content(host="/nowhere/x")})
        with pytest.raises(BuildError, match="this host has no file /nowhere/x"):
            counter.build()

    def test_a_file_that_is_not_here_is_named(self, counter: Workshop) -> None:
        counter.use(files={"x": Content(source=Path("/nowhere/x"))})
        with pytest.raises(ConfigError, match="cannot read /nowhere/x"):
            counter.build()

    def test_the_environment_reaches_every_step_and_secrets_stay_hidden(self, counter: Workshop) -> None:
        value = 'it\'s $HOME "hush" \\n'
        counter.use(
            env={"path": "lower case", "TOKEN": Secret(value), "app": "x"},
            hooks=Hooks(before_deps='test "$TOKEN" = "it\'s \\$HOME \\"hu""sh\\" \\\\n" && echo "token is right"'),
        )
        counter.build()
        assert "token is right" in counter.story.logged
        shown = "".join(text for _, text in counter.story.scripts)
        assert '"hush"' not in shown
        assert "***" in shown

    @pytest.mark.parametrize("talk", ["", "echo a profile talks\n"])
    @pytest.mark.parametrize("shell", ["bash", "dash", "fish"])
    def test_a_login_shell_may_say_where_the_tools_are(
        self, counter: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, talk: str
    ) -> None:
        home = tmp_path / "home"
        (home / ".config/fish").mkdir(parents=True)
        (home / ".profile").write_text(f'{talk}export FROM_PROFILE="two words"\n')
        (home / ".config/fish/config.fish").write_text(f"{talk}set -x FROM_PROFILE 'two words'\n")
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
        counter.use(hooks=Hooks(before_deps='echo "<$FROM_PROFILE>"; exit 9'))
        for asked, seen in ((False, "<>"), (True, "<two words>")):
            counter.use(login_profile=asked)
            with pytest.raises(BuildError, match="before_deps failed with status 9"):
                counter.build()
            assert f"{seen}\n" in counter.story.logged

    def test_missing_tools_are_told_first_and_by_name(self, counter: Workshop, tmp_path: Path) -> None:
        (tmp_path / "bin").mkdir()
        for name in ("git", "sh", "sed", "cut", "id", "uname", "tr", "locale"):
            (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
        counter.use(env={"PATH": str(tmp_path / "bin")})
        with pytest.raises(BuildError, match="local lacks erl, escript, elixir, mix, sha256sum") as caught:
            counter.build()
        assert "login_profile" in caught.value.hint
        assert counter.story.ran == ["prepare.sh"]


class TestHooks:
    def test_they_run_between_the_steps_in_the_project(self, counter: Workshop) -> None:
        names = ("before_deps", "after_deps", "before_compile", "after_compile", "before_release", "after_release")
        counter.use(hooks=Hooks(**{name: f"pwd && echo hook={name} MIX_ENV=$MIX_ENV" for name in names}))
        built = counter.build()
        assert list(built.steps) == [
            "checkout", "before_deps", "deps", "after_deps", "before_compile", "compile", "after_compile",
            "before_release", "release", "after_release",
        ]  # fmt: skip
        assert [line for line in counter.story.logged.splitlines() if line.startswith("hook=")] == [
            f"hook={name} MIX_ENV=prod" for name in names
        ]
        assert f"{counter.root}/checkout\n" in counter.story.logged

    def test_one_may_be_a_file_of_the_project_that_need_not_be_executable(self, counter: Workshop) -> None:
        counter.repository.commit("hook", {"ops/my hook": "echo the file ran\n"})
        counter.use(hooks=Hooks(before_deps="ops/my hook"))
        counter.build(revision="HEAD")
        assert "the file ran" in counter.story.logged

    def test_one_may_add_to_the_release(self, counter: Workshop) -> None:
        counter.use(hooks=Hooks(after_release='echo "$DELIVER_VERSION" >"$DELIVER_OUTPUT/built from"'))
        assert "built from" in paths(counter.manifest())

    def test_a_failing_one_fails_the_build_with_its_last_words(self, counter: Workshop) -> None:
        counter.use(hooks=Hooks(after_compile="echo it is broken >&2; exit 4"))
        with pytest.raises(BuildError, match="step after_compile failed with status 4") as caught:
            counter.build()
        assert "it is broken" in caught.value.message
        assert counter.store.releases() == []
        assert counter.leftovers() == set()
        counter.use(hooks=Hooks())
        assert counter.build().is_new


def test_code_that_does_not_compile_fails_with_the_compilers_words(counter: Workshop) -> None:
    counter.repository.commit("broken", {"lib/counter/broken.ex": "defmodule Broken do\n"})
    with pytest.raises(BuildError, match="step compile failed") as caught:
        counter.build(revision="HEAD")
    assert "lib/counter/broken.ex" in caught.value.message


def test_a_release_with_a_name_that_cannot_be_kept_is_refused(counter: Workshop) -> None:
    counter.use(hooks=Hooks(after_release="printf x >\"$DELIVER_OUTPUT/$(printf 'a\\tb')\""))
    with pytest.raises(BuildError, match="control character"):
        counter.build()
    counter.use(hooks=Hooks(after_release='ln -s /etc/passwd "$DELIVER_OUTPUT/x"'))
    with pytest.raises(BuildError, match=r"leads out of it: \./x -> /etc/passwd"):
        counter.build()
    counter.use(hooks=Hooks(after_release='ln -s releases "$DELIVER_OUTPUT/x y" && touch "$DELIVER_OUTPUT/a\\\\b"'))
    manifest = counter.manifest()
    assert manifest.by_path["x y"].target == "releases"
    assert manifest.by_path["a\\b"].size == 0


def test_a_build_host_with_busybox_alone_builds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = Workshop.make(tmp_path, "orders")
    manifest = orders.manifest()
    tools = tmp_path / "tools"
    tools.mkdir()
    subprocess.run(["busybox", "--install", "-s", str(tools)], check=True)
    for name in ("git", "erl", "erlc", "escript", "elixir", "mix"):
        (tools / name).symlink_to(Path(shutil.which(name) or name).resolve())
    monkeypatch.setenv("PATH", str(tools))
    orders.use(files={"x": Content(text="x")})
    assert orders.manifest() == manifest
    assert orders.manifest(rebuild=True) == manifest
    assert "dependencies come from the cache" in orders.story.steps
    assert orders.leftovers() == set()
