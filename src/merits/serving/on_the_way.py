"""Feedback that this worker has kept and the store may not have yet."""

from __future__ import annotations

import threading
from collections.abc import Collection

from merits.core.live import Feedback

__all__ = ["OnTheWay"]


class OnTheWay:
    """By request, the latest so many. Written by the event loop, and by the thread that ships.

    >>> one = Feedback(request="r", task="t", at=0.0, solved=True)
    >>> on_the_way = OnTheWay()
    >>> on_the_way.add(one)
    >>> on_the_way.on(["r"]) == [one]
    True
    >>> on_the_way.arrived(one)
    >>> on_the_way.on(["r"])
    []
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most, self._n = most, 0
        self._said: dict[str, list[Feedback]] = {}
        self._lock = threading.Lock()

    def add(self, feedback: Feedback) -> None:
        """Notes it. Where there is no room, the store alone will know of it."""
        with self._lock:
            if self._n < self._most:
                self._n += 1
                self._said.setdefault(feedback.request, []).append(feedback)

    def arrived(self, feedback: Feedback) -> None:
        """The store has it."""
        with self._lock:
            said = self._said.get(feedback.request, [])
            if feedback in said:
                self._n -= 1
                said.remove(feedback)
                if not said:
                    del self._said[feedback.request]

    def on(self, requests: Collection[str]) -> list[Feedback]:
        """What is on its way about these requests, oldest first of each."""
        with self._lock:
            return [one for request in requests for one in self._said.get(request, ())]
