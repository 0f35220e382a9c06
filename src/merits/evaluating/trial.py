"""Whether it makes sense to go on asking a judge: not when none of its replies can be read."""

from __future__ import annotations

import asyncio
from types import TracebackType

from merits.core.secrets import shown

__all__ = ["Trial"]

_FIRST = 10  # of a judge that is read in three of ten, all of the first ten are fruitless in 3 % of runs
_IN_A_ROW = 50
_LONGEST_REASON = 200
_NEXT_STEP = "Name a model that keeps to the form, or hold it to one (`response_schema` in its recipe)."


class Trial:
    """Counts a judge's verdicts that were fruitless: it replied, and was told why not, and nothing could be read.

    Given up are judges none of whose first 10 verdicts could be read, or no 50 in a row. No more than 10 are worked at
    until one could be, so a judge that nobody can read costs 10 verdicts, however many answers are judged at once.

    >>> async def ten_fruitless(trial):
    ...     for _ in range(10):
    ...         async with trial:
    ...             trial.fruitless("it is no JSON object")
    ...     return trial.given_up
    >>> asyncio.run(ten_fruitless(Trial()))
    'none of its first 10 verdicts could be read'
    """

    def __init__(self) -> None:
        self.given_up = ""
        self.explained = ""  # with the last reason, and what to change
        self._is_read = False
        self._n_fruitless = 0
        self._n_kept = 0  # places that fruitless verdicts used up, until it is known what to think of the judge
        self._places = asyncio.Semaphore(_FIRST)

    async def __aenter__(self) -> None:
        """Waits for a place."""
        await self._places.acquire()
        if self._is_settled:
            self._places.release()

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leaves the place to another one, unless what stood in it was fruitless."""
        if self._n_kept and not self._is_settled:
            self._n_kept -= 1
        else:
            self._places.release()  # one too many does no harm once it is settled

    @property
    def _is_settled(self) -> bool:
        return self._is_read or bool(self.given_up)

    def read(self) -> None:
        """A verdict was read."""
        self._is_read, self._n_fruitless = True, 0

    def fruitless(self, why: str) -> None:
        """Nothing could be read, and this is why."""
        self._n_fruitless += 1
        self._n_kept += 1
        if self._n_fruitless < (_IN_A_ROW if self._is_read else _FIRST) or self.given_up:
            return
        self.given_up = f"no {_IN_A_ROW} in a row" if self._is_read else f"none of its first {_FIRST}"
        self.given_up += " verdicts could be read"
        self.explained = (
            f"{self.given_up}, the last one because {shown(why, _LONGEST_REASON).rstrip('.')}. {_NEXT_STEP}"
        )
