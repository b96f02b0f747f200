"""Callers of the application `hotline`: many open connections, each of which knows how many lines it has sent."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

#: Seconds that one answer may take.
PATIENCE = 20.0
_ROUND = "a line\n"
T = TypeVar("T")


@dataclass
class Callers:
    """Open connections to one hotline: `Callers(address, 4200, 1000).round()` sends a line on each.

    Args:
        address: of the host.
        port: of the hotline.
        number: of connections.
    """

    address: str
    port: int
    number: int
    rounds: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _ends: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    def __post_init__(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, self.number + 500)), hard))
        for _ in range(self.number):
            self._ends.append(self._run(asyncio.open_connection(self.address, self.port)))

    def round(self) -> dict[str, int]:
        """Send a line on each connection; return how many got each answer, with `lost` for those that are gone.

        The first word of an answer is the number of lines that this connection has sent: a server that forgot them
        answers with less.
        """
        self.rounds += 1
        answers = self._run(self._ask_all())
        return {answer: answers.count(answer) for answer in sorted(set(answers))}

    def close(self) -> None:
        """Hang up."""
        for _, writer in self._ends:
            writer.close()
        self._run(asyncio.sleep(0))
        self._loop.close()

    async def _ask_all(self) -> list[str]:
        return await asyncio.gather(*(self._ask(*ends) for ends in self._ends))

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        try:
            writer.write(_ROUND.encode())
            answer = await asyncio.wait_for(reader.readline(), PATIENCE)
        except (OSError, asyncio.TimeoutError):
            return "lost"
        return answer.decode().strip() or "lost"

    def _run(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(work, 3 * PATIENCE))
