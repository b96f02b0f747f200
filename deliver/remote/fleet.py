"""Many hosts at once: a bounded executor that collects every host's outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from deliver.errors import DeliverError, FleetError
from deliver.remote.connect import close_all

Item = TypeVar("Item")
T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of the work on one host: a value, or the error in its place."""

    name: str
    value: T | None = None
    error: DeliverError | None = None

    def get(self) -> T:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        assert self.value is not None  # noqa: S101  # what `each` promises: a value where there is no error
        return self.value


def each(
    items: Iterable[Item],
    work: Callable[[Item], T],
    *,
    name: Callable[[Item], str],
    limit: int,
) -> list[Outcome[T]]:
    """Do `work` for every item, at most `limit` at once, and return all outcomes in the items' order.

    Args:
        items: what to work on.
        work: called in a thread of its own; must not return None.
        name: what to call an item.
        limit: the most that run at once.

    Raises:
        KeyboardInterrupt: the operator interrupted; work that ran has ended, work that waited never began.
    """
    todo = list(items)
    with ThreadPoolExecutor(max_workers=max(1, min(limit, len(todo)))) as pool:
        futures = [pool.submit(work, item) for item in todo]
        try:
            _join(futures)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            close_all()
            raise
    return [_outcome(name(item), future) for item, future in zip(todo, futures, strict=True)]


def values(outcomes: list[Outcome[T]]) -> list[T]:
    """Return the values of all outcomes.

    Raises:
        DeliverError: one host failed: its error.
        FleetError: several did: all their errors, a line each.
    """
    raise_failures(outcomes)
    return [outcome.get() for outcome in outcomes]


def raise_failures(outcomes: list[Outcome[T]]) -> None:
    """Raise what failed in `outcomes`, if anything did; see `values`."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        hints = dict.fromkeys(error.hint for error in errors if error.hint)
        lines = "\n".join(error.message for error in errors)
        raise FleetError(lines, hint="\n".join(hints), code=max(error.code for error in errors))


def _join(futures: list[Future[T]]) -> None:
    # Waiting without a timeout would keep Python from handling Ctrl-C on some platforms until a future is done.
    pending = set(futures)
    while pending:
        _, pending = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)


def _outcome(name: str, future: Future[T]) -> Outcome[T]:
    error = future.exception()
    if error is None:
        return Outcome(name, value=future.result())
    if isinstance(error, DeliverError):
        return Outcome(name, error=error)
    raise error
