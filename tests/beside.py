"""Which tests run beside which, in the worker processes of `pytest -n`."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

CORPUS = "tests/upgrades/test_corpus.py"
#: Modules of tests/upgrade that share releases and pairs which take minutes to make.
MILL = ("after", "broken", "chain", "deploy", "elsewhere", "interruption")

#: What takes longest of the rest.
ROLLS = tuple(f"tests/rollout/test_{name}.py" for name in ("balance", "kills", "rolls"))


def group(nodeid: str) -> str:
    """Return what one worker runs at a stretch: a module, for its tests share fixtures, or one case of the corpus."""
    module = nodeid.partition("::")[0]
    if module == CORPUS:
        return nodeid
    return "the mill" if module in {f"tests/upgrade/test_{name}.py" for name in MILL} else module


def turn(nodeid: str) -> int:
    """Return when a test has its turn: what takes long before all others, the corpus after them."""
    if group(nodeid) == "the mill":
        return 0
    if nodeid.startswith(CORPUS):
        return 3
    return 1 if nodeid.startswith(("tests/upgrade/", *ROLLS)) else 2


class Beside(LoadScopeScheduling):
    """Every third worker begins with the corpus, which computes; the others with the rest, which mostly waits.

    So the processors are always busy, and few tests that measure time run at once.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes.index(node) % 3 == 1:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)
