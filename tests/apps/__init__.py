"""Small real applications, and git repositories made of them.

Each directory here is one: `base/` is its first version, as plain files; a directory named by a version holds the files
that this version changes. Where a file that names the project's version says 0.1.0, a repository has the version of
each commit.

| application | what it is |
|---|---|
| `counter` | mix; a number in memory; TCP port `$PORT` or 4000: `incr`, `get`, `version`, `greet`; `double` in 0.2.0 |
| `bell` | rebar3 and relx with a `prod` profile, vm.args, sys.config; TCP port 4100: `ring`, `strokes`, `version` |
| `market` | a mix umbrella of two applications with two releases: `shop` and `office` |
| `orders` | mix; a path dependency inside the repository, and a git dependency on the application `ledger` |
| `signs` | mix; a git submodule with the application `words`, without which it does not compile |
| `thermo` | mix; a NIF, a port program and names with spaces in `priv/`, made by `make` and a C compiler |
| `shelf` | mix; two repositories with migrations, more of them in 0.2.0; a stand-in for Ecto's migrator |
| `plain` | Erlang built by a Makefile, for the `command` toolchain: `make release` leaves a release in `out` |
"""

from tests.apps.repository import Repository, Tag, make_repository

__all__ = ["Repository", "Tag", "make_repository"]
