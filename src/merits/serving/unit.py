"""One release, loaded: what the gateway asks. Knows nothing about HTTP, keys or stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.release import Release

__all__ = ["Reply", "Unit"]


@dataclass(frozen=True)
class Reply:
    """What a release answered, what that costs (`currency`; None where there is no price), and which part answered.

    `fallback` is 0 for the candidate itself, else the number of the fallback, from 1.
    """

    answer: Answer
    cost: float | None
    currency: str
    fallback: int = 0


class Unit(Protocol):
    """A loaded release. Called from one event loop, many calls at once.

    Never raises for what a model does: what could not be answered is an `Answer` with a failure. `stream` gives pieces
    of text in order and the Reply last; a candidate that cannot stream gives its whole text as one piece. Whoever stops
    reading closes the iterator, which ends the asking. `close` waits for nothing that is in flight.
    """

    @property
    def release(self) -> Release: ...

    async def answer(self, input: JSON, *, deadline_s: float | None = None) -> Reply: ...

    def stream(self, input: JSON, *, deadline_s: float | None = None) -> AsyncIterator[str | Reply]: ...

    async def close(self) -> None: ...
