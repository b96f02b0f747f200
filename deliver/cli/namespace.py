"""All tasks, as one Invoke namespace."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.tasks import Task

from deliver.cli import (
    build_tasks,
    config_tasks,
    deploy_tasks,
    fleet_tasks,
    migrate_tasks,
    node_tasks,
    roll_tasks,
    store_tasks,
    upgrade_store_tasks,
    upgrade_tasks,
)

_MODULES = (
    build_tasks,
    upgrade_tasks,
    store_tasks,
    upgrade_store_tasks,
    deploy_tasks,
    roll_tasks,
    fleet_tasks,
    node_tasks,
    migrate_tasks,
    config_tasks,
)


def namespace() -> Collection:
    """Return the collection that both `deliver` and `tasks.py` offer."""
    collection = Collection()
    for module in _MODULES:
        for task in vars(module).values():
            if isinstance(task, Task):
                collection.add_task(task)
    return collection
