"""What a live store holds from a time on, found without reading what is older. Knows nothing of databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from merits.core.doors import LiveStore
from merits.core.live import Feedback, Served

__all__ = ["feedback_on_all", "served_since"]

_LATE_S = 3_600.0  # a journal that a crash left over is shipped when its server starts again
_AT_ONCE = 5_000


def served_since(store: LiveStore, task: str, since: float) -> Iterator[Served]:
    """What was served for a task from then on (UNIX seconds), in the order in which it was added.

    Numbers grow with time but for what was shipped late: records that came more than an hour after others that are
    older than `since` may be missed; none is given twice.

    >>> from merits.store import open_live
    >>> from merits.testing.contracts.live_store import served
    >>> store = open_live(":memory:")
    >>> store.add([served(f"r{n}", at=1e5 * n) for n in range(9)])
    >>> [one.request for one in served_since(store, "tickets", 6.5e5)]
    ['r7', 'r8']
    """
    after = _last_before(store, task, since - _LATE_S)
    while records := store.served(task, after=after, most=_AT_ONCE):
        yield from (record for _, record in records if record.at >= since)
        after = records[-1].number


def _last_before(store: LiveStore, task: str, at: float) -> int:
    """A number below which all is older, found by halving."""
    low, high = 0, store.last_number(task)
    while low < high:
        middle = (low + high) // 2
        found = store.served(task, after=middle, most=1)
        if found and found[0].record.at < at:
            low = found[0].number
        else:
            high = middle
    return low


def feedback_on_all(store: LiveStore, requests: Sequence[str]) -> Mapping[str, Sequence[Feedback]]:
    """All feedback on any number of requests, some at a time."""
    found: dict[str, Sequence[Feedback]] = {}
    for start in range(0, len(requests), _AT_ONCE):
        found |= store.feedback_on(requests[start : start + _AT_ONCE])
    return found
