"""What a live store holds from a time on, and all that was said of many requests. Knows nothing of databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from merits.core.doors import LiveStore
from merits.core.live import Feedback, Served

__all__ = ["feedback_on_all", "served_since"]

_AT_ONCE = 5_000


def served_since(store: LiveStore, task: str, since: float) -> Iterator[Served]:
    """What was served for a task from then on (UNIX seconds), in the order in which it was added; none is missed.

    A journal that a crash left over is added late, perhaps days after others: numbers say nothing about times.

    >>> from merits.store import open_live
    >>> from merits.testing.contracts.live_store import served
    >>> store = open_live(":memory:")
    >>> store.add([served(f"r{n}", at=1e5 * n) for n in (0, 8, 1, 2, 7, 3)])
    >>> [one.request for one in served_since(store, "tickets", 6.5e5)]
    ['r8', 'r7']
    """
    after = 0
    while records := store.served(task, after=after, most=_AT_ONCE, since=since):
        yield from (record for _, record in records)
        after = records[-1].number


def feedback_on_all(store: LiveStore, requests: Sequence[str]) -> Mapping[str, Sequence[Feedback]]:
    """All feedback on any number of requests, some at a time."""
    found: dict[str, Sequence[Feedback]] = {}
    for start in range(0, len(requests), _AT_ONCE):
        found |= store.feedback_on(requests[start : start + _AT_ONCE])
    return found
