"""Invoke's entry: the namespace, nothing else."""

from deliver.cli.namespace import namespace

ns = namespace()
