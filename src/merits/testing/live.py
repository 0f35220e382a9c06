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

    @away.setter
    def away(self, away: bool) -> None:
        self._session.away = away


class _Leaving(Session):
    away = False

    def _do(self, do: Callable[[Cursor], T], *, write: bool, again: bool) -> T:
        if self.away:
            raise StoreError("The live store cannot be reached.", "It is away for a test.")
        return super()._do(do, write=write, again=again)
