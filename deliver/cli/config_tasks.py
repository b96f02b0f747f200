"""The task that shows the configuration."""

from __future__ import annotations

from deliver.cli.command import Run, command


@command()
def config(run: Run) -> None:
    """Show the configuration as it holds for this run, with every secret hidden."""
    from deliver.config import show  # `--list` does without the configuration

    run.out.data(show.text(run.config), show.document(run.config))
