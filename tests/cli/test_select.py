import pytest

from deliver.cli.select import hosts, named
from deliver.config.schema import Environment, Host
from deliver.errors import UsageError

PRODUCTION = Environment(
    "production",
    (Host("prod1", roles=("web",)), Host("prod10", roles=("web", "worker")), Host("db", roles=("worker",)), Host("x")),
)


def names(host: tuple[str, ...], role: tuple[str, ...]) -> list[str]:
    return [one.name for one in hosts(PRODUCTION, host, role)]


def test_without_a_filter_all_hosts_are_meant() -> None:
    assert names((), ()) == ["prod1", "prod10", "db", "x"]


def test_a_name_must_match_exactly() -> None:
    assert names(("prod1",), ()) == ["prod1"]
    assert names(("db", "prod1"), ()) == ["prod1", "db"]


def test_a_host_needs_one_of_the_roles() -> None:
    assert names((), ("worker",)) == ["prod10", "db"]
    assert names((), ("worker", "web")) == ["prod1", "prod10", "db"]


def test_both_filters_must_let_a_host_through() -> None:
    assert names(("prod10", "x"), ("web",)) == ["prod10"]


@pytest.mark.parametrize(
    ("host", "role", "told"),
    [
        (("prod",), (), "production has no host prod | production has the hosts: db, prod1, prod10, x"),
        ((), ("wbe",), "production has no role wbe | production has the roles: web, worker"),
        (("x",), ("web",), "no host of production is left by --host x and --role web"),
    ],
)
def test_no_match_is_an_error_that_lists_what_there_is(host: tuple[str, ...], role: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        names(host, role)

    assert told in f"{caught.value.message} | {caught.value.hint}"


def test_hosts_are_called_by_their_environment_only_when_they_are_all_of_it() -> None:
    assert named(PRODUCTION, hosts(PRODUCTION, (), ())) == "production"
    assert named(PRODUCTION, hosts(PRODUCTION, ("x", "prod1"), ())) == "prod1, x of production"
