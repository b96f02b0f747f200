"""Every error that deliver raises on purpose, as one tree.

    * DeliverError                1   failed; nothing is half done
      + UsageError               64   the command line, a tag or a version is wrong
      + ConfigError              78   deliver.toml is wrong
      + SourceError              64   the git repository does not have what was asked for
      + UnreachableError         69   a host does not answer
      + HostKeyError             76   a host is not the one we know
      + LockedError              75   somebody else is at work: try again later
      + StoreError               73   an artefact cannot be written or is damaged
      + RemoteError               1   a script failed on a host
        - DeadlineError           1   ... or did not end in time: its outcome is unknown
      + BuildError                1   a step of the build failed
      + TargetError               1   a release cannot run on, or be put beside what is on, a host
      + NodeError                 1   a node did not do what it was asked to do
        - RestartedError          4   ... and was restarted for it: what it held in memory is gone
      + FleetError                *   several hosts failed: the gravest of their codes
      + MixedFleetError           3   some hosts are new and some are old: page somebody

The numbers are exit codes, from sysexits.h where it has a fitting one.
"""

from __future__ import annotations

from typing import ClassVar


class DeliverError(Exception):
    """A failure that is told to a person.

    Args:
        message: what happened, and where; one or more lines, no trailing full stop needed.
        hint: what to do about it; empty when there is nothing to say.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> int:
        """The process exit code that fits this failure."""
        return self.exit_code


class UsageError(DeliverError):
    """The command line, or a version or environment named on it, is wrong."""

    exit_code = 64


class ConfigError(DeliverError):
    """The configuration is wrong; the message names file, line and key."""

    exit_code = 78


class SourceError(DeliverError):
    """The git repository does not have what was asked for."""

    exit_code = 64


class UnreachableError(DeliverError):
    """A host does not answer, or refuses us."""

    exit_code = 69


class HostKeyError(DeliverError):
    """A host's key is unknown, changed or revoked."""

    exit_code = 76


class LockedError(DeliverError):
    """Somebody else holds the lock; the message names the holder."""

    exit_code = 75


class StoreError(DeliverError):
    """An artefact cannot be written, is missing, is damaged or would be overwritten."""

    exit_code = 73


class RemoteError(DeliverError):
    """A script failed on a host.

    Args:
        message: what was attempted, and on which host.
        hint: what to do about it.
        status: the script's exit status; -1 when it is unknown.
        output: the last lines that the script wrote on stderr.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = -1, output: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.output = output


class DeadlineError(RemoteError):
    """A script did not end in time, or its connection was lost: the outcome is unknown."""


class BuildError(DeliverError):
    """A step of a build failed; the message names the step and the log."""


class TargetError(DeliverError):
    """A release cannot run on a host, or cannot be put beside what the host has."""


class NodeError(DeliverError):
    """A node did not do what it was asked to do."""


class RestartedError(NodeError):
    """A node did not do what it was asked to do, and was restarted for it: what it held in memory is gone."""

    exit_code = 4


class FleetError(DeliverError):
    """Several hosts failed.

    Args:
        message: all the failures, a line each.
        hint: what to do about them.
        code: the gravest of their exit codes.
    """

    def __init__(self, message: str, *, hint: str = "", code: int = 1) -> None:
        super().__init__(message, hint=hint)
        self._code = code

    @property
    def code(self) -> int:
        """The gravest exit code among the hosts'."""
        return self._code


class MixedFleetError(DeliverError):
    """Some hosts were changed and some were not."""

    exit_code = 3
