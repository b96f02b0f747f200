from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deliver.config.load import find, load, named
from deliver.config.schema import Config, Host
from deliver.config.secrets import MissingSecret
from deliver.errors import ConfigError, UsageError
from deliver.secret import Secret

Toml = Callable[[str], Path]

PRODUCTION = """\
app = "demo"
[environments.production]
path = "/srv"
user = "app"
port = 2022
node = "demo"
env = { A = "1", B = "2" }
[environments.production.hosts.prod1]
[environments.production.hosts.prod2]
address = "10.0.0.2"
port = 22
user = "root"
path = "/opt/with space"
node = "demo@10.0.0.2"
env = { B = "3" }
roles = ["web", "worker"]
"""


def error_of(file: Path, overrides: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, overrides, environ or {})
    return f"{caught.value.message} | {caught.value.hint}".replace(f"{file.parent}/", "")


def test_the_file_is_found_in_a_directory_above(tmp_path: Path) -> None:
    (tmp_path / "deliver.toml").touch()
    deep = tmp_path / "lib" / "a b"
    deep.mkdir(parents=True)

    assert find(deep) == tmp_path / "deliver.toml"


def test_a_missing_file_is_an_error_that_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find(tmp_path)

    assert "copy config.example.toml to deliver.toml" in caught.value.hint


def test_a_named_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"there is no file ops/deliver\.toml"):
        named(Path("ops/deliver.toml"))

    (tmp_path / "other.toml").touch()
    assert named(Path("other.toml")) == tmp_path / "other.toml"


def test_one_line_is_a_whole_configuration(toml: Toml) -> None:
    file = toml('app = "demo"\n')

    config = load(file, environ={})

    assert config == Config(
        file=file, app="demo", repository=file.parent, store=file.parent / ".deliver/store", build=config.build
    )
    assert config.build.host.is_local


def test_hosts_get_what_their_environment_says_unless_they_say_otherwise(toml: Toml) -> None:
    first, second = load(toml(PRODUCTION), environ={}).environment("production").hosts

    assert first == Host("prod1", port=2022, user="app", path="/srv", node="demo", env={"A": "1", "B": "2"})
    assert second == Host(
        "prod2",
        address="10.0.0.2",
        port=22,
        user="root",
        path="/opt/with space",
        node="demo@10.0.0.2",
        env={"A": "1", "B": "3"},
        roles=("web", "worker"),
    )
    assert second.env == {"A": "1", "B": "3"}


def test_hosts_may_be_a_list_of_names(toml: Toml) -> None:
    file = toml('app = "demo"\n[environments.e]\nhosts = ["b", "a", "::1"]\npath = "/srv"\n')

    hosts = load(file, environ={}).environment("e").hosts

    assert [(host.name, host.path) for host in hosts] == [("b", "/srv"), ("a", "/srv"), ("::1", "/srv")]


def test_an_unknown_environment_is_told_with_the_known_ones(toml: Toml) -> None:
    with pytest.raises(UsageError) as caught:
        load(toml(PRODUCTION), environ={}).environment("prod")

    assert caught.value.hint.endswith("has: production")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [('"10s"', 10), ('"5m"', 300), ('"1h30m"', 5400), ('"500ms"', 0.5), ('"90"', 90), ("90", 90), ("1.5", 1.5)],
)
def test_times_are_read(toml: Toml, given: str, seconds: float) -> None:
    assert load(toml(f'app = "a"\nbuild.timeout = {given}\n'), environ={}).build.timeout == seconds


@pytest.mark.parametrize(("given", "seconds"), [("0", 0), ('"0s"', 0), ('"0"', 0), ('"5s"', 5), ("0.5", 0.5)])
def test_some_times_may_be_none_at_all(toml: Toml, given: str, seconds: float) -> None:
    assert load(toml(f'app = "a"\nupgrade.probation = {given}\n'), environ={}).upgrade.probation == seconds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('app = "a', "deliver.toml:1:9: "),
        ('app = "a"\napp = "b"\n', "deliver.toml:2:"),
        ("store = 1\n", "deliver.toml:1: store: must be text, not a number"),
        ('store = "x"\n', "deliver.toml:1: app is missing"),
        ('app = "../x"\n', "deliver.toml:1: app: must be the name of a release"),
        ('app = "a"\nbuild = "x"\n', "deliver.toml:2: build: must be a table, not text"),
        ('app = "a"\n[build]\ntoolchian = "mix"\n', "deliver.toml:3: build.toolchian: there is no such key | did you"),
        ('app = "a"\nmix_env = "x"\n', "deliver.toml:2: mix_env: there is no such key | mix_env belongs in [build]"),
        ('app = "a"\n[build]\ntoolchain = "mixx"\n', "build.toolchain: must be one of auto, mix, rebar3, command"),
        ('app = "a"\n[build]\ntoolchain = "command"\n', 'toolchain = "command" needs command and output'),
        ('app = "a"\n[build]\ncache = "yes"\n', "deliver.toml:3: build.cache: must be true or false, not 'yes'"),
        ('app = "a"\n[build]\ntimeout = 0\n', "deliver.toml:3: build.timeout: must be a time, not a number (0)"),
        ('app = "a"\n[build]\ntimeout = "5 min"\n', "build.timeout: must be a time, not '5 min' | write \"10s\""),
        ('app = "a"\n[build]\ntimeout = true\n', "build.timeout: must be a time, not a boolean (True)"),
        ('app = "a"\n[build]\ntimeout = nan\n', "build.timeout: must be a time"),
        ('app = "a"\n[build]\nhost = "-oProxyCommand=x"\n', "build.host: '-oProxyCommand=x' is no host"),
        ('app = "a"\n[build]\nhost = "me@host"\n', "user and port are keys of their own"),
        ('app = "a"\n[build.host]\nuser = "x"\n', "deliver.toml:2: build.host: name is missing"),
        (
            'app = "a"\n[build.host]\nname = "x"\nport = 70000\n',
            "build.host.port: must be a whole number from 1 to 65535",
        ),
        ('app = "a"\n[build.env]\n"A B" = "x"\n', 'deliver.toml:3: build.env."A B": is no name of an environment'),
        ('app = "a"\n[build.env]\nA = { evn = "x" }\n', "deliver.toml:3: build.env.A.evn: there is no such key"),
        ('app = "a"\n[build.env]\nA = {}\n', "build.env.A: must have exactly one of env, file"),
        ('app = "a"\n[build.env]\nA = "x\\u0000"\n', "build.env.A: must not have a NUL"),
        ('app = "a"\n[build.files]\n"../x" = { text = "" }\n', "must be a relative path"),
        ('app = "a"\n[build.files]\n"/x" = { text = "" }\n', "must be a relative path"),
        ('app = "a"\n[build.files]\nx = { mode = "0600" }\n', "must have exactly one of source, host, text, env, file"),
        ('app = "a"\n[build.files]\nx = { text = "", host = "" }\n', "it has text, host"),
        ('app = "a"\n[build.files]\nx = { text = "", mode = "rw" }\n', "x.mode: must be permission bits, not 'rw'"),
        ('app = "a"\n[build.files]\nx = { source = "nowhere" }\n', "x.source: there is no file nowhere"),
        ('app = "a"\n[environments."-x"]\n', "deliver.toml:2: environments.-x: must be a name"),
        ('app = "a"\n[environments.e]\n', "deliver.toml:2: environments.e: hosts is missing"),
        ('app = "a"\n[environments.e]\nhosts = []\n', "deliver.toml:3: environments.e.hosts: must have at least one"),
        ('app = "a"\n[environments.e]\nhosts = ["x", "x"]\n', "environments.e.hosts: has a host twice"),
        ('app = "a"\n[environments.e]\nhosts = ["x"]\n', "environments.e.hosts: x has no path"),
        ('app = "a"\n[environments.e]\nhosts = "x"\n', "environments.e.hosts: must be a list, not text"),
        ('app = "a"\n[environments.e.once."a/b"]\nrun = "x"\n', 'e.once."a/b": names files on a host: only letters'),
        ('app = "a"\n[environments.e.hosts.h]\nname = "x"\n', "environments.e.hosts.h.name: there is no such key"),
        ('app = "a"\n[environments.e]\nhosts = ["x"]\npath = "/"\nservice = "upstart"\n', "service: must be one of"),
        ('app = "a"\n[environments.e]\nhosts = ["x"]\npath = "/"\nservice.kind = "command"\n', "needs start"),
        ('app = "a"\n[environments.e]\nhosts = ["x"]\npath = "/"\ncookie = ""\n', "cookie: must not be empty"),
        ('app = "a"\n[environments.e]\nhosts = ["x"]\npath = "/"\nnode = "a b"\n', "node: must be a node name"),
        ('app = "a"\n[environments.e]\nhealth.http = "localhost:4000/x"\n', "health.http: must be a URL, http:// or"),
        (
            'app = "a"\n[environments.e]\nhealth.http = "http://[::1]:65536/x"\n',
            "health.http: must be a URL, http:// or",
        ),
        ('app = "a"\n[environments.e]\nhealth.tcp = "http"\n', "health.tcp: must be a port or address:port; 'http'"),
        ('app = "a"\n[environments.e]\ndrain.haproxy.backend = "b"\n', "drain.haproxy: needs both socket and backend"),
        (
            'app = "a"\n[environments.e.drain.haproxy]\nsocket = "admin"\nbackend = "b"\n',
            "drain.haproxy.socket: must be the path of a socket, or host:port; 'admin' is not",
        ),
        ('app = "a"\n[ssh]\nconfig = "nowhere"\n', "deliver.toml:3: ssh.config: there is no file nowhere"),
        ('app = "a"\n[ssh]\nknown_hosts = "x"\n', "deliver.toml:3: ssh.known_hosts: must be a list, not text"),
        ('app = "a"\n[ssh]\nparallel = 0\n', "ssh.parallel: must be a whole number from 1 to 1024, not a number (0)"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_key(toml: Toml, text: str, told: str) -> None:
    assert told in error_of(toml(text))


def test_a_file_that_is_no_text_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "deliver.toml"
    file.write_bytes(b'app = "a"\n# \xff\n')

    assert "deliver.toml:2: this is not UTF-8 text" in error_of(file)


def test_paths_are_relative_to_the_file_and_know_the_home_directory(
    toml: Toml, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    config = load(toml('app = "a"\nstore = "~/store"\nrepository = ".."\n[ssh]\nknown_hosts = ["k"]\n'), environ={})

    assert config.store == Path("/home/me/store")
    assert config.repository == tmp_path / ".."
    assert config.ssh.known_hosts == (tmp_path / "k",)


def test_files_say_what_they_hold_and_their_mode(toml: Toml, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sesame\n\n")
    files = load(
        toml("""
app = "a"
[build.files]
a = { host = "/etc/a b", mode = "0640" }
b = { text = "x", mode = 0o755 }
c = { env = "TOKEN" }
"d/e f" = { file = "token" }
g = { source = "token" }
"""),
        environ={"TOKEN": "open"},
    ).build.files

    assert (files["a"].host, files["a"].mode) == ("/etc/a b", 0o640)
    assert (files["b"].text, files["b"].mode) == ("x", 0o755)
    assert (files["c"].secret, files["c"].mode) == (Secret("open"), 0o600)
    assert files["d/e f"].secret == Secret("sesame\n")
    assert files["g"].source == tmp_path / "token"


def test_a_missing_secret_fails_only_the_environment_that_needs_it(toml: Toml) -> None:
    config = load(
        toml("""
app = "a"
[build.env]
KEY = { file = "nowhere" }
[environments.staging]
hosts = ["s"]
path = "/srv"
[environments.production]
hosts = ["p"]
path = "/srv"
cookie = { env = "COOKIE" }
"""),
        environ={},
    )

    assert config.environment("staging").hosts
    with pytest.raises(ConfigError, match=r":11: environments\.production\.cookie: .* COOKIE is not set"):
        config.environment("production")
    assert config.environment("production", secrets=False).hosts
    key = config.build.env["KEY"]
    assert isinstance(key, MissingSecret)
    assert (str(key), repr(key), f"{key}") == ("***", "***", "***")
    with pytest.raises(ConfigError, match=r":4: build\.env\.KEY: .*nowhere cannot be read"):
        _ = key.reveal


def test_a_secret_does_not_show_in_the_configuration(toml: Toml) -> None:
    text = PRODUCTION.replace('user = "app"', 'user = "app"\ncookie = "hunter2"')

    assert "hunter2" not in repr(load(toml(text), environ={}))
