"""What an evaluation tells whoever watches it."""

from __future__ import annotations

from typing import Protocol

from merits.evaluating.planning import Plan

__all__ = ["Noting", "Progress", "Silent"]


class Progress(Protocol):
    """Called from the event loop of the evaluation, in this order: `started`, `answered` and `note`s, `finished`.

    `answered` gives totals, not steps: for so many of the candidate's rows what came of asking is on disk (those of
    earlier runs too), and so many of them failed in this run. What it counted survives `kill -9`.
    """

    def started(self, plan: Plan) -> None: ...

    def answered(self, candidate: str, n_answered: int, n_failed: int) -> None: ...

    def note(self, text: str) -> None: ...

    def finished(self) -> None: ...


class Silent:
    """A `Progress` that says nothing."""

    def started(self, plan: Plan) -> None:
        """Nothing."""

    def answered(self, candidate: str, n_answered: int, n_failed: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finished(self) -> None:
        """Nothing."""


class Noting(Silent):
    """A `Progress` that hands on notes, and says nothing else."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def note(self, text: str) -> None:
        """Hands it on."""
        self._progress.note(text)
