from __future__ import annotations

from deliver.secret import Secret
from deliver.ship.cookie import LENGTH, decide, fresh

ONE, TWO = Secret("SESAME1"), Secret("SESAME2")


def test_new_hosts_share_a_fresh_cookie() -> None:
    given = decide(None, {"a": None, "b": None}).given
    assert given["a"] == given["b"]
    assert len(given["a"].reveal) == LENGTH
    assert given["a"] != decide(None, {"a": None}).given["a"]


def test_a_new_host_gets_the_cookie_of_the_others() -> None:
    assert decide(None, {"a": ONE, "b": None}).given == {"a": ONE, "b": ONE}


def test_a_new_host_gets_the_cookie_of_hosts_that_are_left_out_this_time() -> None:
    assert decide(None, {"b": None}, elsewhere=ONE).given == {"b": ONE}


def test_different_cookies_are_kept_and_told_by_host() -> None:
    cookies = decide(None, {"a": ONE, "b": TWO, "c": ONE})
    assert cookies.given == {"a": ONE, "b": TWO, "c": ONE}
    assert cookies.warnings[0].endswith("a, c; b")


def test_the_configured_cookie_takes_the_place_of_others() -> None:
    cookies = decide(ONE, {"a": ONE, "b": TWO, "c": None})
    assert cookies.given == {"a": ONE, "b": ONE, "c": ONE}
    assert cookies.replaces
    assert "b" in cookies.warnings[0]


def test_a_cookie_that_other_nodes_use_too_is_never_replaced() -> None:
    cookies = decide(ONE, {"a": TWO, "b": None}, shared=True)
    assert cookies.given == {"a": TWO, "b": ONE}
    assert not cookies.replaces
    assert "a" in cookies.warnings[0]


def test_no_warning_has_a_cookie() -> None:
    warnings = decide(ONE, {"a": TWO}).warnings + decide(None, {"a": ONE, "b": TWO}).warnings
    assert warnings
    assert not any("SESAME" in warning for warning in warnings)


def test_cookies_are_letters_and_digits() -> None:
    assert fresh().reveal.isalnum()
