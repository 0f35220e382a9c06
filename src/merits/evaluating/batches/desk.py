"""Where one candidate's provider is asked about batches, and given up when that does not work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from merits.candidates.batching import PATIENCE_S, Batchable, Batches
from merits.candidates.meter import AskFailed, Purse, failure_of
from merits.core.answer import Failure
from merits.core.batching import Batching
from merits.core.doors import Store
from merits.evaluating.asking import Taker

__all__ = ["Contact", "Desk", "Who"]

T = TypeVar("T")
_MOST_TROUBLE = 10  # so many looks in a row may fail before a candidate is given up in this run
_KEY = "Check the API key."
_LATER = "Try again later."


class _Flushing(Taker, Protocol):
    async def flush(self) -> None: ...


@dataclass(frozen=True)
class Desk:
    """Where answers and submissions go, who is told, and what is paid from."""

    store: Store
    taker: _Flushing
    batching: Batching
    note: Callable[[str], None]
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    purse: Purse | None = None


@dataclass(frozen=True)
class Who:
    """Who is asked: the candidate's name, its row, the version its answers are stored under, and its model."""

    name: str
    index: int
    version: str
    model: Batchable


class Contact:
    """One candidate's provider, as it answers about `batches`.

    `given_up` says why it is asked no more in this run, if so, and `next_step` what helps.
    """

    def __init__(self, who: Who, batches: Batches, desk: Desk) -> None:
        self.who, self.batches, self.desk = who, batches, desk
        self.given_up = self.next_step = ""
        self._trouble = 0

    def give_up(self, why: str, next_step: str) -> None:
        """Asks it no more in this run."""
        self.given_up, self.next_step = why.rstrip("."), next_step

    async def tried(self, call: Awaitable[T], *, within_s: float = PATIENCE_S) -> T | Failure:
        """What the provider said, or why it could not be asked."""
        try:
            async with asyncio.timeout(within_s):
                return await call
        except (AskFailed, TimeoutError, OSError) as problem:
            return failure_of(problem)

    def fine(self) -> None:
        """Takes note that the provider answered."""
        self._trouble = 0

    def troubled(self, failure: Failure) -> None:
        """Takes note that it did not: once of a key that is wrong, and a few times of what may pass."""
        self._trouble += 1
        if failure.kind == "unauthorised" or self._trouble >= _MOST_TROUBLE:
            key = failure.kind == "unauthorised"
            self.give_up(f"its provider could not be asked about batches: {failure.message}", _KEY if key else _LATER)
        elif self._trouble == 1:
            self.note(f"{failure.message}; trying again")

    def note(self, text: str) -> None:
        """Tells whoever watches the run."""
        self.desk.note(f"{self.who.name}: {text}")
