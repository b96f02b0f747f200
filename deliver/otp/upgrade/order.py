"""The order in which modules are loaded: those that are called before those that call them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def callees_first(uses: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return the keys of `uses` in groups: a group uses only itself and groups before it.

    Modules that use each other in a circle are one group; names within a group, and groups that do not depend on each
    other, come in alphabetical order of where the search began, so that the same input gives the same order.

    Source: Tarjan, "Depth-first search and linear graph algorithms" (1972), made iterative.
    """
    return _Search(uses).groups()


class _Search:
    def __init__(self, uses: Mapping[str, Iterable[str]]) -> None:
        self._uses = {name: sorted({one for one in used if one in uses}) for name, used in sorted(uses.items())}
        self._index: dict[str, int] = {}
        self._low: dict[str, int] = {}
        self._stack: list[str] = []
        self._groups: list[tuple[str, ...]] = []

    def groups(self) -> list[tuple[str, ...]]:
        for name in self._uses:
            if name not in self._index:
                self._visit(name)
        return self._groups

    def _visit(self, root: str) -> None:
        path: list[tuple[str, Iterator[str]]] = [self._enter(root)]
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                self._leave(name)
                if path:
                    self._lower(path[-1][0], self._low[name])
            elif following not in self._index:
                path.append(self._enter(following))
            elif following in self._stack:
                self._lower(name, self._index[following])

    def _enter(self, name: str) -> tuple[str, Iterator[str]]:
        self._index[name] = self._low[name] = len(self._index)
        self._stack.append(name)
        return name, iter(self._uses[name])

    def _lower(self, name: str, low: int) -> None:
        self._low[name] = min(self._low[name], low)

    def _leave(self, name: str) -> None:
        if self._low[name] != self._index[name]:
            return
        at = self._stack.index(name)
        self._groups.append(tuple(sorted(self._stack[at:])))
        del self._stack[at:]
