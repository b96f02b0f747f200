from collections.abc import Callable
from pathlib import Path

import pytest

from deliver.config.load import load
from deliver.errors import ConfigError, UsageError
from deliver.secret import Secret

Toml = Callable[[str], Path]

TEXT = """\
app = "demo"
[build]
host = "builder"
timeout = "1m"
env = { KEY = "plain" }
[environments.production]
hosts = ["prod1", "prod2"]
path = "/srv"
"""


def test_variables_are_stronger_than_the_file_and_settings_than_variables(toml: Toml) -> None:
    environ = {"DELIVER_BUILD_TIMEOUT": "2m", "DELIVER_BUILD_HOST": "other", "DELIVER_CONFIG": "x", "PATH": "/"}

    config = load(toml(TEXT), ["build.timeout=3m", "build.timeout=4m"], environ)

    assert config.build.host.name == "other"
    assert config.build.timeout == 240


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("build.cache=false", lambda c: c.build.cache is False),
        ("build.release=1.0", lambda c: c.build.release == "1.0"),
        ("build.host.port=99", lambda c: (c.build.host.name, c.build.host.port) == ("builder", 99)),
        ("ssh.parallel=4", lambda c: c.ssh.parallel == 4),
        ("build.hooks.before_deps=a = b", lambda c: c.build.hooks.before_deps == "a = b"),
        ('build.files."a/b.c".text=x', lambda c: c.build.files["a/b.c"].text == "x"),
        ('build.env={A = "b"}', lambda c: c.build.env == {"A": "b"}),
        ("build.env.KEY=other", lambda c: c.build.env == {"KEY": "other"}),
        (
            "environments.production.hosts=a,b",
            lambda c: [h.name for h in c.environments["production"].hosts] == ["a", "b"],
        ),
        (
            'environments.production.hosts=["a"]',
            lambda c: [h.name for h in c.environments["production"].hosts] == ["a"],
        ),
        ("environments.production.hosts.prod2.user=x", lambda c: c.environments["production"].hosts[1].user == "x"),
        ("environments.production.service=systemd", lambda c: c.environments["production"].service.kind == "systemd"),
        ("environments.production.service.heart=yes", lambda c: c.environments["production"].service.heart),
    ],
)
def test_a_setting_may_name_any_key(toml: Toml, setting: str, read: Callable[[object], bool]) -> None:
    assert read(load(toml(TEXT), [setting], {}))


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("build.timeout", "there is no ="),
        ("a b=1", "'a b' is no key"),
        ("app.x=1", "app is no table"),
    ],
)
def test_a_setting_that_is_none_is_a_wrong_command_line(toml: Toml, setting: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load(toml(TEXT), [setting], {})


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("build.timeout=x", "--set build.timeout: must be a time"),
        ("buildd.timeout=1", "--set buildd.timeout: there is no such key"),
        ("build.env=x", "--set build.env: must be a table"),
        ("ssh.parallel=many", "--set ssh.parallel: must be a whole number"),
    ],
)
def test_a_wrong_setting_is_told_as_one(toml: Toml, setting: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load(toml(TEXT), [setting], {})


def test_a_variable_exists_for_each_host_of_the_file(toml: Toml) -> None:
    config = load(toml(TEXT), environ={"DELIVER_ENVIRONMENTS_PRODUCTION_HOSTS_PROD2_PORT": "77"})

    assert [host.port for host in config.environments["production"].hosts] == [None, 77]


def test_a_setting_may_say_where_a_secret_is(toml: Toml) -> None:
    config = load(toml(TEXT), ["build.env.KEY={env='TOKEN'}", "build.env.TEXT={not a table}"], {"TOKEN": "t"})

    assert config.build.env == {"KEY": Secret("t"), "TEXT": "{not a table}"}


def test_what_a_variable_gives_to_an_environment_is_a_secret(toml: Toml) -> None:
    assert load(toml(TEXT), environ={"DELIVER_BUILD_ENV_KEY": "k"}).build.env == {"KEY": Secret("k")}


def test_a_cookie_may_come_from_a_variable(toml: Toml) -> None:
    config = load(toml(TEXT), environ={"DELIVER_ENVIRONMENTS_PRODUCTION_COOKIE": "c"})

    assert config.environments["production"].cookie == Secret("c")


def test_an_unknown_variable_is_refused_and_its_value_not_shown(toml: Toml) -> None:
    with pytest.raises(ConfigError) as caught:
        load(toml(TEXT), environ={"DELIVER_BUILD_HOTS": "hunter2"})

    assert caught.value.message == "DELIVER_BUILD_HOTS: there is no such key"
    assert caught.value.hint.startswith("did you mean DELIVER_BUILD_HOST?")
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


def test_the_value_of_a_wrong_variable_is_not_shown(toml: Toml) -> None:
    with pytest.raises(ConfigError) as caught:
        load(toml(TEXT), environ={"DELIVER_BUILD_TIMEOUT": "hunter2"})

    assert caught.value.message == "DELIVER_BUILD_TIMEOUT: must be a time, not what it holds"


def test_a_variable_that_could_be_two_keys_is_refused(toml: Toml) -> None:
    text = 'app = "a"\n[environments."x-y"]\nhosts = ["h"]\npath = "/"\n[environments.x_y]\nhosts = ["h"]\npath = "/"\n'

    with pytest.raises(ConfigError, match=r"this could be environments\.x-y\.user or environments\.x_y\.user"):
        load(toml(text), environ={"DELIVER_ENVIRONMENTS_X_Y_USER": "me"})


def test_a_path_of_an_override_is_relative_to_the_working_directory(
    toml: Toml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert load(toml(TEXT), ["store=s"], {}).store == elsewhere / "s"
    assert load(toml(TEXT), environ={"DELIVER_STORE": "t"}).store == elsewhere / "t"


@pytest.mark.parametrize("key", ["environments.production.path", "build.host.path"])
def test_a_path_that_only_a_shell_could_expand_is_refused(toml: Toml, key: str) -> None:
    for path in ("~/srv", "$HOME/srv"):
        with pytest.raises(ConfigError, match="a path on the host") as caught:
            load(toml(TEXT), [f"{key}={path}"], {})
        assert "home" in caught.value.hint
    load(toml(TEXT), [f"{key}=srv"], {})
