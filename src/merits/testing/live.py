"""A live store in memory that really implements the door and can be made to go away: for tests of what writes to it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from merits.core.doors import Numbered
from merits.core.errors import StoreError
from merits.core.live import Alert, AlertMark, ApiKey, Checkpoint, Feedback, LiveRecord, Rollout, Served
from merits.core.release import Release

__all__ = ["MemoryLive"]

T = TypeVar("T")


class MemoryLive:
    """Everything in lists. While `away` is true it cannot be reached.

    >>> live = MemoryLive()
    >>> live.add([Rollout(task="t", at=0.0, champion=1)])
    >>> live.rollouts("t")[0].champion
    1
    """

    def __init__(self) -> None:
        self.away = False
        self.added = 0
        self._records: list[LiveRecord] = []
        self._served: dict[tuple[str, str, str], Served] = {}
        self._lock = threading.Lock()

    def add(self, records: Sequence[LiveRecord]) -> None:
        """As in `LiveStore`."""
        self._reach()
        with self._lock:
            self.added += 1
            for record in records:
                if isinstance(record, Served):
                    if (record.task, record.request, record.arm) in self._served:
                        continue
                    self._served[record.task, record.request, record.arm] = record
                self._records.append(record)

    def served(
        self, task: str, *, after: int = 0, most: int = 10_000, since: float | None = None
    ) -> Sequence[Numbered[Served]]:
        """As in `LiveStore`."""
        mine = (one for one in self._numbered(Served, after) if one.record.task == task)
        return [one for one in mine if since is None or one.record.at >= since][:most]

    def feedback(self, task: str, *, after: int = 0, most: int = 10_000) -> Sequence[Numbered[Feedback]]:
        """As in `LiveStore`."""
        return [one for one in self._numbered(Feedback, after) if one.record.task == task][:most]

    def find(self, requests: Collection[str]) -> Mapping[str, Sequence[Served]]:
        """As in `LiveStore`."""
        return _by_request(self._all(Served), requests)

    def feedback_on(self, requests: Collection[str], *, upto: int | None = None) -> Mapping[str, Sequence[Feedback]]:
        """As in `LiveStore`."""
        known = [one.record for one in self._numbered(Feedback, 0) if upto is None or one.number <= upto]
        return _by_request(known, requests)

    def last_number(self, task: str) -> int:
        """As in `LiveStore`."""
        return max((one.number for one in self._numbered(Served, 0) if one.record.task == task), default=0)

    def tasks(self) -> Sequence[str]:
        """As in `LiveStore`."""
        return sorted({release.task_name for release in self._all(Release)})

    def releases(self, task: str) -> Sequence[Release]:
        """As in `LiveStore`."""
        return [release for release in self._all(Release) if release.task_name == task]

    def rollouts(self, task: str) -> Sequence[Rollout]:
        """As in `LiveStore`."""
        return [rollout for rollout in self._all(Rollout) if rollout.task == task]

    def keys(self) -> Sequence[ApiKey]:
        """As in `LiveStore`."""
        return list({key.id: key for key in self._all(ApiKey)}.values())

    def alerts(self, task: str) -> Sequence[Alert]:
        """As in `LiveStore`."""
        return [alert for alert in self._all(Alert) if alert.task == task]

    def marks(self, task: str) -> Sequence[AlertMark]:
        """As in `LiveStore`."""
        return [mark for mark in self._all(AlertMark) if mark.task == task]

    def checkpoint(self, task: str, name: str) -> Checkpoint | None:
        """As in `LiveStore`."""
        found = [one for one in self._all(Checkpoint) if (one.task, one.name) == (task, name)]
        return found[-1] if found else None

    def spent(self, key: str, since: float) -> float:
        """As in `LiveStore`."""
        return sum(one.cost or 0.0 for one in self._all(Served) if one.key == key and one.at >= since)

    def forget(self, task: str, before: float) -> int:
        """As in `LiveStore`."""
        self._reach()
        n = 0
        with self._lock:
            for place, record in enumerate(self._records):
                if (
                    isinstance(record, Served)
                    and record.task == task
                    and record.at < before
                    and record.input is not None
                ):
                    self._records[place] = replace(record, input=None, answer=replace(record.answer, output=None))
                    n += 1
        return n

    def close(self) -> None:
        """Nothing is to be closed."""

    def _reach(self) -> None:
        if self.away:
            raise StoreError("the live store cannot be reached.", "It is away for a test.")

    def _all(self, kind: type[T]) -> list[T]:
        self._reach()
        with self._lock:
            return [record for record in self._records if isinstance(record, kind)]

    def _numbered(self, kind: type[T], after: int) -> list[Numbered[T]]:
        self._reach()
        with self._lock:
            found = enumerate(self._records, 1)
            return [Numbered(n, record) for n, record in found if n > after and isinstance(record, kind)]


Request = TypeVar("Request", Served, Feedback)


def _by_request(records: Sequence[Request], requests: Collection[str]) -> dict[str, Sequence[Request]]:
    found: dict[str, list[Request]] = {}
    wanted = set(requests)
    for record in records:
        if record.request in wanted:
            found.setdefault(record.request, []).append(record)
    return dict(found)
