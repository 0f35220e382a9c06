"""Which release answers a request: by the rollout in force, and always the same for one user."""

from __future__ import annotations

import hashlib

from merits.core.live import Rollout

__all__ = ["arms_for", "place_of"]


def place_of(seed: str, who: str) -> float:
    """Where somebody stands, from 0 to below 1: the same for the same seed, evenly spread over everybody.

    >>> place_of("s", "anna") == place_of("s", "anna"), place_of("s", "anna") == place_of("t", "anna")
    (True, False)
    """
    key = hashlib.blake2b(seed.encode(), digest_size=32).digest()
    return int.from_bytes(hashlib.blake2b(who.encode("utf-8", "replace"), digest_size=8, key=key).digest()) / 2**64


def arms_for(rollout: Rollout, request: str, user: str = "") -> tuple[int, int | None]:
    """The release that answers a request, and the one that answers silently beside it (None: none does).

    By `user` where one is named, so that nobody is sent to and fro; else by the request's id.

    >>> one = Rollout(task="t", at=0.0, champion=1, challenger=2, mode="canary", share=1.0)
    >>> arms_for(one, "r1"), arms_for(Rollout(task="t", at=0.0, champion=1), "r1")
    ((2, None), (1, None))
    """
    challenger = rollout.challenger
    if challenger is None or rollout.mode == "alone" or rollout.share <= 0.0:
        return rollout.champion, None
    if place_of(rollout.seed, user or request) >= rollout.share:
        return rollout.champion, None
    return (rollout.champion, challenger) if rollout.mode == "shadow" else (challenger, None)
