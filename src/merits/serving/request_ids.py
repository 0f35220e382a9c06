"""The id of a request, under which its answer is kept: always new, and begun by the client's own where it gave one."""

from __future__ import annotations

import os
import random
import re

__all__ = ["new_id", "ours", "sane"]

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


def ours(given: bytes) -> str:
    """A client's id with 64 random bits of ours behind it: no two requests share one, whichever worker they reach.

    >>> ours(b"order-4711")[:11], len(ours(b"order-4711"))
    ('order-4711-', 27)
    """
    return f"{given.decode('ascii')}-{_random.getrandbits(64):016x}"
