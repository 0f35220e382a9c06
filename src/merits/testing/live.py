"""A live store in memory that can be made to go away: for tests of what writes to it and reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from merits.core.errors import StoreError
from merits.store.live import SqlLiveStore
from merits.store.live_session import Cursor, Session
from merits.store.live_sqlite import Sqlite

__all__ = ["MemoryLive"]

T = TypeVar("T")


class MemoryLive(SqlLiveStore):
    """What `open_live(":memory:")` is. While `away` is true it cannot be reached.

    >>> live = MemoryLive()
    >>> live.tasks()
    []
    """

    def __init__(self) -> None:
        self._session = _Leaving(Sqlite(":memory:", write=True))
        super().__init__(self._session)

    @property
    def away(self) -> bool:
        """Whether it cannot be reached."""
        return self._session.away

<<<<<<< HEAD
    def served(
        self, task: str, *, after: int = 0, most: int = 10_000, since: float | None = None
    ) -> Sequence[Numbered[Served]]:
        """As in `LiveStore`."""
        mine = (one for one in self._numbered(Served, after) if one.record.task == task)
        return [one for one in mine if since is None or one.record.at >= since][:most]
||||||| 2966f7f
    def served(self, task: str, *, after: int = 0, most: int = 10_000) -> Sequence[Numbered[Served]]:
        """As in `LiveStore`."""
        return [one for one in self._numbered(Served, after) if one.record.task == task][:most]
=======
    @away.setter
    def away(self, away: bool) -> None:
        self._session.away = away
>>>>>>> faults


class _Leaving(Session):
    away = False

    def _do(self, do: Callable[[Cursor], T], *, write: bool, again: bool) -> T:
        if self.away:
            raise StoreError("The live store cannot be reached.", "It is away for a test.")
        return super()._do(do, write=write, again=again)
