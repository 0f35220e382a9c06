"""The id of a request: the client's own where it can be trusted to be one, else a new one."""

from __future__ import annotations

import os
import random
import re

__all__ = ["GivenIds", "new_id", "sane"]

_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{7,79}")


_random = random.Random()  # seeded by the system; asking the system each time costs as much as all else here
os.register_at_fork(after_in_child=_random.seed)


def new_id() -> str:
    """A new id: "req_" and 96 random bits.

    >>> len(new_id())
    28
    """
    return f"req_{_random.getrandbits(96):024x}"


def sane(given: bytes) -> bool:
    """Whether an id that a client gave is one: 8 to 80 letters, digits and marks, nothing that breaks a log or header.

    >>> sane(b"order-4711"), sane(b"1"), sane(b"a b\\r\\nx: y")
    (True, False, False)
    """
    return _SANE.fullmatch(given) is not None


class GivenIds:
    """The ids that clients gave lately: one that comes again becomes another, for the store keeps one answer to each.

    >>> ids = GivenIds()
    >>> ids.taken("order-4711"), ids.taken("order-4711")
    ('order-4711', 'order-4711.2')
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._times: dict[str, int] = {}

    def taken(self, id: str) -> str:
        """The id under which the request goes on."""
        n = self._times.pop(id, 0) + 1
        self._times[id] = n
        if len(self._times) > self._most:
            del self._times[next(iter(self._times))]
        return id if n == 1 else f"{id}.{n}"
