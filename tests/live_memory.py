"""A live store in memory, for tests of what writes and reads it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from merits.core.doors import LiveStore, Numbered
from merits.core.live import Alert, AlertMark, ApiKey, Checkpoint, Feedback, LiveRecord, Rollout, Served
from merits.core.release import Release

__all__ = ["MemoryLive"]

T = TypeVar("T")


class MemoryLive(LiveStore):
    """Keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[LiveRecord] = []

    def add(self, records: Sequence[LiveRecord]) -> None:
        """Appends them."""
        self.records += records

    def _of(self, kind: type[T], task: str = "") -> list[T]:
        return [
            one
            for one in self.records
            if isinstance(one, kind) and (not task or getattr(one, "task_name", getattr(one, "task", "")) == task)
        ]

    def served(
        self, task: str, *, after: int = 0, most: int = 10_000, since: float | None = None
    ) -> Sequence[Numbered[Served]]:
        some = [Numbered(n, one) for n, one in enumerate(self._of(Served, task), start=1) if n > after]
        return [one for one in some if since is None or one.record.at >= since][:most]

    def feedback(self, task: str, *, after: int = 0, most: int = 10_000) -> Sequence[Numbered[Feedback]]:
        return [Numbered(n, one) for n, one in enumerate(self._of(Feedback, task), start=1) if n > after][:most]

    def find(self, requests: Collection[str]) -> Mapping[str, Sequence[Served]]:
        return {name: [one for one in self._of(Served) if one.request == name] for name in requests}

    def feedback_on(self, requests: Collection[str]) -> Mapping[str, Sequence[Feedback]]:
        return {name: [one for one in self._of(Feedback) if one.request == name] for name in requests}

    def last_number(self, task: str) -> int:
        return len(self._of(Served, task))

    def tasks(self) -> Sequence[str]:
        return sorted({one.task_name for one in self._of(Release)})

    def releases(self, task: str) -> Sequence[Release]:
        return self._of(Release, task)

    def rollouts(self, task: str) -> Sequence[Rollout]:
        return self._of(Rollout, task)

    def keys(self) -> Sequence[ApiKey]:
        return self._of(ApiKey)

    def alerts(self, task: str) -> Sequence[Alert]:
        return self._of(Alert, task)

    def marks(self, task: str) -> Sequence[AlertMark]:
        return self._of(AlertMark, task)

    def checkpoint(self, task: str, name: str) -> Checkpoint | None:
        return next((one for one in reversed(self._of(Checkpoint, task)) if one.name == name), None)

    def spent(self, key: str, since: float) -> float:
        return sum(one.cost or 0.0 for one in self._of(Served) if one.key == key and one.at >= since)

    def forget(self, task: str, before: float) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""
