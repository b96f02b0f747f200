import json
from collections.abc import Callable
from pathlib import Path

import tomli

from deliver.config import show
from deliver.config.load import load

TEXT = """\
app = "demo"
[build.env]
PLAIN = "x"
KEY = { env = "KEY" }
GONE = { env = "GONE" }
[environments.production]
path = "/srv"
cookie = "hunter2"
[environments.production.files]
"a b" = { text = "öffentlich", mode = "0644" }
token = { env = "KEY" }
[environments.production.hosts.prod1]
roles = ["web"]
"""


def test_what_is_shown_is_whole_but_for_secrets(toml: Callable[[str], Path]) -> None:
    shown = show.document(load(toml(TEXT), environ={"KEY": "sesame"}))

    assert shown["build"]["env"] == {"PLAIN": "x", "KEY": "***", "GONE": "***"}
    production = shown["environments"]["production"]
    assert production["cookie"] == "***"
    assert production["files"] == {
        "a b": {"text": "öffentlich", "mode": "0644"},
        "token": {"secret": "***", "mode": "0600"},
    }
    assert production["hosts"][0]["roles"] == ["web"]
    assert not {"hunter2", "sesame"} & set(json.dumps(shown).split('"'))


def test_the_text_for_people_is_toml(toml: Callable[[str], Path]) -> None:
    config = load(toml(TEXT), environ={"KEY": "sesame"})

    text = show.text(config)

    assert 'environments.production.hosts.prod1.roles = ["web"]' in text
    assert 'environments.production.files."a b".text = "öffentlich"' in text
    assert tomli.loads(text)["build"]["env"]["KEY"] == "***"
