"""Whoever watches a search, and one that says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from merits.core.improvement import TechniqueRecord
    from merits.core.racing import Budget
    from merits.evaluating import Progress
    from merits.searching.ranking import Ranked
    from merits.searching.steering import Plan

__all__ = ["Unwatched", "Watching"]


class Watching(Protocol):
    """Whoever watches a search. All is called in the thread that searches.

    `left` says, before each turn and after each round, what is left of the whole budget: None where it has no limit.
    """

    def planned(self, plan: Plan) -> None: ...

    def began(self, technique: str) -> None: ...

    def tried(self, found: Sequence[Ranked], best: Ranked) -> None: ...

    def left(self, seconds: float | None, amount: Budget | None) -> None: ...

    def ended(self, record: TechniqueRecord) -> None: ...

    def note(self, text: str) -> None: ...

    def progress(self) -> Progress | None: ...


class Unwatched:
    """A watcher of a search that says nothing."""

    def planned(self, plan: Plan) -> None:
        """Nothing."""

    def began(self, technique: str) -> None:
        """Nothing."""

    def tried(self, found: Sequence[Ranked], best: Ranked) -> None:
        """Nothing."""

    def left(self, seconds: float | None, amount: Budget | None) -> None:
        """Nothing."""

    def ended(self, record: TechniqueRecord) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def progress(self) -> Progress | None:
        """Nobody."""
        return None
