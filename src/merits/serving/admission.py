"""Who is answered now, who waits, and who is sent away: a bounded number at once behind a bounded queue."""

from __future__ import annotations

import asyncio
from collections import deque

from merits.serving.refusals import Refusal

__all__ = ["Admission"]

_LONGEST_RETRY_S = 60.0


class Admission:
    """At most `concurrency` turns at once and `queue` requests that wait for one, first come first served.

    Of one event loop. A turn that was taken is given back by `leave`.

    >>> gate = Admission(1, 0)
    >>> gate.take(), gate.take()
    (True, False)
    """

    def __init__(self, concurrency: int, queue: int) -> None:
        self.concurrency, self.queue = concurrency, queue
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._mean_s = 0.0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> bool:
        """Whether there was a free turn; then it is taken."""
        if self.in_flight >= self.concurrency or self._waiting:
            return False
        self.in_flight += 1
        return True

    async def wait(self, seconds: float) -> None:
        """Waits for a turn. Refusal 429 when too many wait already, 504 when it does not come in time."""
        if len(self._waiting) >= self.queue:
            raise Refusal(
                429, "queue_full", "Too many requests are waiting; try again later.", retry_after_s=self.retry_after_s
            )
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            self._give_up(turn)
            raise Refusal(504, "deadline", "The deadline passed while the request waited for its turn.") from None
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def leave(self, seconds: float) -> None:
        """Gives a turn back after so many seconds."""
        self._mean_s += (seconds - self._mean_s) * 0.05
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # it takes over this turn
                return
        self.in_flight -= 1

    @property
    def retry_after_s(self) -> float:
        """In how many seconds those that wait now will have been answered, by how long answers took lately."""
        return min(_LONGEST_RETRY_S, max(1.0, self._mean_s * (len(self._waiting) + 1) / self.concurrency))

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self.leave(self._mean_s)  # it was its turn, and nobody takes it
        elif turn in self._waiting:
            self._waiting.remove(turn)
