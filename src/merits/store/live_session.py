"""A connection that is made when it is needed and made again when it was lost, for one thread at a time.

What differs between databases is a `Dialect`. Knows nothing about tables.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from merits.core.errors import StoreError
from merits.store.live_rows import Row, Table

__all__ = ["Connection", "Cursor", "Dialect", "Lost", "Session"]

T = TypeVar("T")


class Lost(Exception):
    """The connection is of no use any more. `problem` is what the user is told; `doubt` where it was committing."""

    def __init__(self, problem: StoreError, *, doubt: bool) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.doubt = doubt


class Cursor(Protocol):
    """Runs statements within a transaction. Parameters are written as `?`."""

    def run(self, sql: str, values: Sequence[object] = ()) -> None: ...

    def all(self, sql: str, values: Sequence[object] = ()) -> list[Row]: ...

    def insert(self, table: Table, rows: Sequence[Row]) -> None: ...


class Connection(Protocol):
    """An open connection. A transaction commits when its block ends, and rolls back when the block raises.

    Raises Lost when the connection cannot be used again, and StoreError for what else is wrong.
    """

    def transaction(self, *, write: bool) -> AbstractContextManager[Cursor]: ...

    def usable(self) -> bool:
        """Whether it still leads to the place it was opened on; cheap, asked before each transaction."""
        ...

    def close(self) -> None: ...


class Dialect(Protocol):
    """How a kind of database is reached. `connect` makes the tables if they are missing and it may write."""

    place: str  # without secrets
    shared: bool  # whether one connection must do for reading and writing, as for ":memory:"

    def connect(self) -> Connection: ...


class Session:
    """Reads and writes through one connection at a time. Methods may be called from any thread."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._process = os.getpid()
        self._abandoned: list[Connection | None] = []

    @property
    def place(self) -> str:
        """Where the store is, without secrets."""
        return self._dialect.place

    def another(self) -> Session:
        """A session on the same place, with a connection of its own where the place allows for one."""
        return self if self._dialect.shared else Session(self._dialect)

    def open(self) -> None:
        """Nothing, once there is a connection."""
        with self._lock:
            self._connected()

    def read(self, do: Callable[[Cursor], T]) -> T:
        """What `do` returns; it is called again when the connection was lost."""
        return self._do(do, write=False, again=True)

    def write(self, do: Callable[[Cursor], T], *, again: bool = False) -> T:
        """What `do` returns, once it is committed. After a commit of which nobody knows whether it came about, it is
        called again only if that does no harm (`again`).
        """
        return self._do(do, write=True, again=again)

    def _do(self, do: Callable[[Cursor], T], *, write: bool, again: bool) -> T:
        with self._lock:
            try:
                return self._once(do, write=write)
            except Lost as lost:
                if lost.doubt and not again:
                    raise lost.problem from lost
            try:  # once, at once: a server that was restarted in the meantime is there again
                return self._once(do, write=write)
            except Lost as lost:
                raise lost.problem from lost

    def _once(self, do: Callable[[Cursor], T], *, write: bool) -> T:
        connection = self._connected()
        try:
            with connection.transaction(write=write) as cursor:
                return do(cursor)
        except Lost:
            self._drop()
            raise

    def _connected(self) -> Connection:
        if self._process != os.getpid():  # a copy made by fork: closing it would end the original's session
            self._abandoned.append(self._connection)
            self._connection, self._process = None, os.getpid()
        if self._connection is not None and not self._connection.usable():
            self._drop()
        if self._connection is None:
            self._connection = self._dialect.connect()
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Closes the connection. May be called twice."""
        with self._lock:
            self._drop()
