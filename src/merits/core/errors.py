"""Every error that Merits raises, divided by what the reader should do about it.

    MeritsError
    ├── UsageError              exit 2   change the command, the task file or the data
    │   ├── TaskError                    the task file says something that cannot be
    │   ├── DataError                    a data file is missing, broken or contradicts the task
    │   ├── CandidateError               a candidate's recipe cannot be loaded
    │   ├── RequirementError             a requirement's text cannot be read
    │   └── MissingExtra                 an optional package is not installed
    ├── NothingToRelease        exit 3   the decision names no candidate that could go into production
    │   └── NoneWorthIt         exit 1   none of the candidates is worth using
    ├── BatchesOpen             exit 3   answers are on their way in batches; the same command again collects them
    └── InfrastructureError     exit 4   something outside Merits does not work; nothing was lost
        ├── ProviderError                no candidate could be asked at all, or a batch cannot be collected
        └── StoreError                   the store cannot be read or written
            ├── StoreBusy                another run is writing to it
            ├── StoreTooNew              a newer Merits wrote it
            └── DiskFull                 there is no room left

A candidate that fails and a judge that fails are data (`failed`, `unscored`), not exceptions. What could not be
decided is a verdict (`undecided`, exit 3), not an exception.
"""

from __future__ import annotations

__all__ = [
    "BatchesOpen",
    "CandidateError",
    "DataError",
    "DiskFull",
    "InfrastructureError",
    "MeritsError",
    "MissingExtra",
    "NoneWorthIt",
    "NothingToRelease",
    "ProviderError",
    "RequirementError",
    "StoreBusy",
    "StoreError",
    "StoreTooNew",
    "TaskError",
    "UsageError",
]


class MeritsError(Exception):
    """Something that the reader can act on: what was expected, what was found, and the next step.

    `code` is stable and documented in `docs/errors.md`; `exit_code` is what the command line ends with.

    >>> raise DataError("tickets.csv has no column 'label'; it has id, text.", "Name the target with --target.")
    Traceback (most recent call last):
    ...
    merits.core.errors.DataError: tickets.csv has no column 'label'; it has id, text. Name the target with --target.
    """

    code = "error"
    exit_code = 2

    def __init__(self, found: str, next_step: str = "") -> None:
        super().__init__(f"{found} {next_step}".strip())
        self.found = found
        self.next_step = next_step


class UsageError(MeritsError):
    """The command, the task file or the data must be changed."""

    code = "usage"


class TaskError(UsageError):
    """The task file says something that cannot be."""

    code = "task"


class DataError(UsageError):
    """A data file is missing, broken, or contradicts the task."""

    code = "data"


class CandidateError(UsageError):
    """A candidate's recipe cannot be loaded."""

    code = "candidate"


class RequirementError(UsageError):
    """A requirement's text cannot be read."""

    code = "requirement"


class MissingExtra(UsageError):
    """An optional package is not installed; the message names the extra that brings it."""

    code = "missing-extra"


class NothingToRelease(MeritsError):
    """The decision names no candidate, for it is not decided yet; one may be named all the same."""

    code = "nothing-to-release"
    exit_code = 3


class NoneWorthIt(NothingToRelease):
    """The decision is that none of the candidates is worth using."""

    code = "none-worth-it"
    exit_code = 1


class BatchesOpen(MeritsError):
    """Answers are on their way in batches, and the run was not to wait for them. Nothing is decided yet."""

    code = "batches-open"
    exit_code = 3


class InfrastructureError(MeritsError):
    """Something outside Merits does not work. What was answered before is stored."""

    code = "infrastructure"
    exit_code = 4


class ProviderError(InfrastructureError):
    """No candidate could be asked at all, or a provider does not answer about a batch that it accepted."""

    code = "provider"


class StoreError(InfrastructureError):
    """The store cannot be read or written."""

    code = "store"


class StoreBusy(StoreError):
    """Another run is writing to the same store."""

    code = "store-busy"


class StoreTooNew(StoreError):
    """A newer version of Merits wrote the store."""

    code = "store-too-new"


class DiskFull(StoreError):
    """There is no room left for the store."""

    code = "disk-full"
