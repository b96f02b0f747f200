from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from deliver.errors import StoreError
from deliver.ship.pack import CHUNK, Pack, Packs


def test_everybody_reads_all_of_it_and_nobody_waits_for_another() -> None:
    made: list[int] = []

    def make(told: Callable[[int], None]) -> Iterator[bytes]:
        for number in range(10):
            made.append(number)
            yield bytes([number]) * CHUNK
            told(2 * CHUNK * (number + 1))

    pack = Pack(make)
    slow = pack.read(lambda *_: None)
    assert next(slow)[:1] == b"\0"
    fast = b"".join(pack.read(lambda *_: None))
    assert len(fast) == 10 * CHUNK
    assert b"".join(slow) == fast[CHUNK:]
    assert made == list(range(10))
    pack.close()


def test_readers_are_told_how_far_they_are() -> None:
    def make(told: Callable[[int], None]) -> Iterator[bytes]:
        told(100)
        yield b"x" * 10
        told(300)
        yield b"y" * 20

    pack, said = Pack(make), list[tuple[int, int]]()
    assert b"".join(pack.read(lambda sent, plain: said.append((sent, plain)))) == b"x" * 10 + b"y" * 20
    assert said[-1] == (30, 300)
    pack.close()


def test_a_reader_has_what_is_made_before_the_rest_is() -> None:
    goes_on = threading.Event()

    def make(_: Callable[[int], None]) -> Iterator[bytes]:
        yield b"first"
        assert goes_on.wait(10)
        yield b"second"

    pack = Pack(make)
    stream = pack.read(lambda *_: None)
    assert next(stream) == b"first"
    goes_on.set()
    assert list(stream) == [b"second"]
    pack.close()


def test_what_cannot_be_made_ends_every_reader() -> None:
    def make(_: Callable[[int], None]) -> Iterator[bytes]:
        yield b"first"
        raise StoreError("damaged")

    pack = Pack(make)
    for _ in range(2):
        with pytest.raises(StoreError, match="damaged"):
            list(pack.read(lambda *_: None))
    pack.close()


def test_what_has_the_same_key_is_made_once() -> None:
    with Packs() as packs:
        first = packs.once("a", lambda: Pack(lambda _: [b"data"]))
        assert packs.once("a", lambda: Pack(lambda _: [b"other"])) is first
        assert packs.once("b", lambda: 1) == 1
        assert list(first.read(lambda *_: None)) == [b"data"]
    with pytest.raises(ValueError, match="closed"):
        list(first.read(lambda *_: None))
