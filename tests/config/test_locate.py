import pytest

from deliver.config.locate import line_of

TEXT = """\
# a comment
app = "demo"

[build]
files = { "a b" = { text = '''
host = "not a key"
''' } }
host = "builder"
before.deps = 1

[environments.production]
hosts = [
  "one",   # a list over several lines
  "two",
]

path = "/srv"
[environments."a.b".hosts.h1]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("app",), 2),
        (("build",), 4),
        (("build", "files"), 5),
        (("build", "files", "a b", "text"), 5),
        (("build", "host"), 8),
        (("build", "before", "deps"), 9),
        (("environments", "production", "hosts"), 12),
        (("environments", "production", "path"), 17),
        (("environments", "a.b", "hosts", "h1"), 18),
    ],
)
def test_a_key_is_found_where_its_statement_begins(path: tuple[str, ...], line: int) -> None:
    assert line_of(TEXT, path) == line


def test_a_missing_key_is_placed_at_the_nearest_table_above_it() -> None:
    assert line_of(TEXT, ("environments", "production", "cookie")) == 11
    assert line_of(TEXT, ("store",)) == 1
    assert line_of("", ("app",)) == 1
