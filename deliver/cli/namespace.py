"""All tasks, as one Invoke namespace."""

from __future__ import annotations

import importlib
import importlib.util

from invoke.collection import Collection
from invoke.tasks import Task

#: The modules whose tasks are ours; importing them must stay cheap.
MODULES = ("build_tasks", "store_tasks", "deploy_tasks", "node_tasks", "config_tasks")


def namespace() -> Collection:
    """Return the collection that both `deliver` and `tasks.py` offer."""
    collection = Collection()
    for name in MODULES:
        if importlib.util.find_spec(f"deliver.cli.{name}") is None:
            continue
        module = importlib.import_module(f"deliver.cli.{name}")
        for task in vars(module).values():
            if isinstance(task, Task):
                collection.add_task(task)
    return collection
