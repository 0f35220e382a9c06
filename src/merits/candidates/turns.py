"""Whose turn it is to compute on this machine, so that measured seconds mean something.

Knows nothing about models.
"""

from __future__ import annotations

import os
import threading
from collections import deque

__all__ = ["ANSWERING", "FITTING", "Turn", "Turns"]


class Turns:
    """At most `limit` holders at once, first come first served.

    A turn is taken by the thread that computes and may be given back by anyone, once: a thread that hangs cannot give
    its own back. First come first served because a plain semaphore lets the thread that gives back take again at
    once, and then one slow candidate would starve the others.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    def take(self) -> Turn:
        """A turn; waits until there is one.

        >>> turns = Turns(1)
        >>> turn = turns.take()
        >>> turn.give_back(), turn.give_back()
        (True, False)
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return Turn(self)
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        gate.acquire()  # released by whoever hands over the turn
        return Turn(self)

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a turn."""
        return bool(self._waiting)

    def _hand_over(self) -> None:
        if self._waiting:
            self._waiting.popleft().release()
        else:
            self._free += 1


class Turn:
    """The right to compute, until it is given back."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.held = True

    def give_back(self) -> bool:
        """Whether this call gave it back; False when it was given back before."""
        with self._turns._lock:
            if not self.held:
                return False
            self.held = False
            self._turns._hand_over()
            return True


ANSWERING = Turns(os.cpu_count() or 1)
FITTING = Turns(os.cpu_count() or 1)
