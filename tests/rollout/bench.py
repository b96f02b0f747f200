"""What the plan, the machine and the driver of a roll cost by themselves: `python -m tests.rollout.bench`."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from deliver.config.schema import Rolling, Share
from deliver.rollout.drive import drive
from deliver.rollout.events import Event, Result
from deliver.rollout.machine import Batch, Member, Roll

SIZES = (10, 100, 1000)
PARALLEL = 32
#: One by one with zones has the most to plan, quarters the most under way.
POLICIES = {"canary, then quarters": Rolling(), "one by one": Rolling((Share(count=1),))}


class Idle:
    """Hands that have nothing to do, and a story that nobody hears."""

    def open(self, batch: Batch) -> None:
        pass

    def close(self, batch: Batch) -> None:
        pass

    def change(self, host: str, batch: int) -> Result:
        del batch
        return Result(host, "new")

    def undo(self, host: str) -> Result:
        return Result(host, "old")

    def ask(self, question: str) -> bool:
        return bool(question)

    def tell(self, event: Event) -> None:
        pass


def roll(hosts: int, rolling: Rolling) -> None:
    """Take so many simulated hosts, in pairs that share a zone, through a roll."""
    members = [Member(f"host{at}", f"zone{at // 2}") for at in range(hosts)]
    machine = Roll(members, rolling, parallel=PARALLEL)
    idle = Idle()
    assert drive(machine, idle, idle, PARALLEL) == "done"


def pool(hosts: int) -> None:
    """Do nothing so many times in as many threads: the least that threads cost."""
    with ThreadPoolExecutor(PARALLEL) as threads:
        list(threads.map(lambda at: Result(f"host{at}", "new"), range(hosts)))


def per_host(hosts: int, rolling: Rolling) -> float:
    """Return the seconds of processor that a roll of so many hosts costs for each: the median of several."""
    return statistics.median(_once(hosts, rolling) for _ in range(5)) / hosts


def growth(rolling: Rolling) -> tuple[float, float]:
    """Return the seconds for each of a thousand hosts, and how many times those for each of a hundred that is."""
    most = per_host(SIZES[-1], rolling)
    return most, most / per_host(SIZES[-2], rolling)


def _once(hosts: int, rolling: Rolling) -> float:
    began = time.process_time()
    roll(hosts, rolling)
    return time.process_time() - began


def main() -> None:
    """Print milliseconds for each host, and how they grow."""
    for name, rolling in POLICIES.items():
        costs = {hosts: per_host(hosts, rolling) * 1000 for hosts in SIZES}
        shown = ", ".join(f"{hosts} hosts {cost:.3f} ms each" for hosts, cost in costs.items())
        print(f"{name}: {shown}; a thousand to a hundred {costs[SIZES[-1]] / costs[SIZES[-2]]:.2f}")


if __name__ == "__main__":
    main()
