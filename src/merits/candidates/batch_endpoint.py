"""Batches behind an endpoint, as far as providers agree: a list by pages, a status, results by lines.

What a dialect says differently stands in its own file: `openai_batches`, `anthropic_batches`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from merits.candidates.batching import CLOCK_SKEW_S, PATIENCE_S, Found, Limits, Result, Status
from merits.candidates.providers import Endpoint
from merits.core.batching import Submission

__all__ = ["EndpointBatches", "Listed", "Page"]

_PAGE = 100


@dataclass(frozen=True)
class Listed:
    """A batch in the provider's list, with what a dialect tells it by. `created_at` is UNIX seconds, 0 if not told."""

    id: str
    created_at: float
    name: str = ""
    file: str | None = None
    n: int = 0
    ended: bool = False


@dataclass(frozen=True)
class Page:
    """Some of the list, and where the next page begins: "" on the last one."""

    batches: Sequence[Listed]
    next: str = ""

    def reaches_before(self, at: float) -> bool:
        """Whether all further pages are older than that; not where a provider lists the oldest first, or that
        cannot be told.

        >>> Page([Listed("b", 9.0), Listed("a", 2.0)]).reaches_before(5.0)
        True
        >>> Page([Listed("a", 2.0), Listed("b", 3.0)]).reaches_before(5.0)
        False
        """
        first, last = (self.batches[0].created_at, self.batches[-1].created_at) if self.batches else (0.0, 0.0)
        return 0.0 < last < at and first > last


class EndpointBatches(ABC):
    """The half of `Batches` that is the same for every dialect.

    A dialect says where its batches are (`path`), what the list is turned over by (`cursor`), how pages, statuses and
    lines are read, where results stand, and which batch `is_ours` (None: that cannot be told yet).
    """

    limits: ClassVar[Limits]
    path: ClassVar[str]
    cursor: ClassVar[str]

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint.patient(PATIENCE_S)

    @abstractmethod
    def page_of(self, reply: bytes) -> Page: ...

    @abstractmethod
    async def is_ours(self, batch: Listed, submission: Submission) -> bool | None: ...

    @abstractmethod
    def status_of(self, reply: bytes) -> Status: ...

    @abstractmethod
    def result_paths(self, batch: str, status: Status) -> Sequence[str]: ...

    @abstractmethod
    def result_of(self, line: bytes) -> Result: ...

    async def find(self, submission: Submission, taken: Collection[str]) -> Found:
        """The batch of this submission; `maybe` while one that might be it cannot be told yet."""
        maybe = False
        async for batch in self._since(submission.at - CLOCK_SKEW_S):
            ours = False if batch.id in taken else await self.is_ours(batch, submission)
            if ours:
                return Found(batch.id)
            maybe |= ours is None
        return Found(maybe=maybe)

    async def status(self, batch: str) -> Status:
        """How far a batch is."""
        return self.status_of(await self.endpoint.get(f"{self.path}/{batch}"))

    async def results(self, batch: str, status: Status) -> AsyncGenerator[Result, None]:
        """What came of each request."""
        for path in self.result_paths(batch, status):
            async for line in self.endpoint.lines(path):
                yield self.result_of(line)

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self.endpoint.close()

    async def _since(self, at: float) -> AsyncIterator[Listed]:
        """The batches that were made since: until the list is over, or goes back, newest first, to before that."""
        after = ""
        while True:
            turned = f"&{self.cursor}={after}" if after else ""
            page = self.page_of(await self.endpoint.get(f"{self.path}?limit={_PAGE}{turned}"))
            for batch in page.batches:
                if not 0.0 < batch.created_at < at:
                    yield batch
            if not page.next or page.reaches_before(at):
                return
            after = page.next
