"""The live store's dialect for one machine: a SQLite file in WAL mode, which several processes write in turn."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from merits.core.errors import DiskFull, StoreBusy, StoreError, StoreTooNew
from merits.store.live_migrations import migration
from merits.store.live_rows import INDEXES, SCHEMA, TABLES, Row, Table
from merits.store.live_session import Connection, Dialect, Lost

__all__ = ["Sqlite"]

_APPLICATION = 0x4D45524C  # "MERL", in the file's header
_TYPES = {"text": "TEXT", "int": "INTEGER", "real": "REAL", "bytes": "BLOB"}
_BUSY_S = 30.0  # a writer waits so long for the others; each holds the file for milliseconds
# Rows a statement: each statement frees the interpreter's lock, and getting it back may take 5 ms (see store/sqlite).
_CHUNKS = (256, 64, 16, 4, 1)
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Sqlite(Dialect):
    """Reaches a file, or ":memory:"."""

    def __init__(self, place: str | Path, *, write: bool) -> None:
        self.place = str(place)
        self.shared = self.place == ":memory:"
        self._write = write
        self._was_there = False

    def connect(self) -> Connection:
        """A connection; the file is made if it is not there and this may write."""
        try:
            with _explained(self.place):
                return self._connected()
        except Lost as lost:
            raise lost.problem from lost

    def _connected(self) -> Connection:
        if self.shared:
            database = _connect(":memory:")
            _make(database, self.place)
            return SqliteConnection(database, None, self.place)
        path = Path(self.place)
        if self._write:
            return self._open_to_write(path)
        if not path.is_file():
            raise StoreError(f"There is no live store at {path}.", "It is made with the first release: merits release")
        uri = f"{path.absolute().as_uri()}?mode=ro"
        if not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
            uri += "&immutable=1"
        database = _connect(uri, uri=True)
        _check(database, self.place)
        return SqliteConnection(database, path, self.place)

    def _open_to_write(self, path: Path) -> Connection:
        if self._was_there and not _size(path):  # on a disk that was taken away, say: an empty one would take its place
            raise StoreError(f"The live store is no longer at {path}.", "Bring it back: what is answered waits for it.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise _unusable(self.place, problem.strerror or str(problem)) from None
        database = _connect(str(path))
        try:
            _make(database, self.place)
            _into_wal(database)
            database.execute("PRAGMA synchronous = FULL")  # what `add` returned from is on disk
            database.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
            database.execute("PRAGMA wal_autocheckpoint = 8000")
            database.execute("PRAGMA cache_size = -8000")
        except BaseException:
            database.close()
            raise
        self._was_there = True
        return SqliteConnection(database, path, self.place)


class SqliteConnection(Connection):
    """An open file. It is of no use once another file stands in its place: what it would write nobody would read."""

    def __init__(self, database: sqlite3.Connection, path: Path | None, place: str) -> None:
        self._database = database
        self._path = path
        self._place = place
        self._file = _file(path)

    def usable(self) -> bool:
        """Whether the file is still the one at its path."""
        return self._path is None or self._file == _file(self._path)

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[SqliteCursor]:
        """Holds the file against other writers from the start where it writes, so that nothing read gets stale."""
        database = self._database
        with _explained(self._place):
            database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield SqliteCursor(database)
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Frees the file."""
        self._database.close()


class SqliteCursor:
    """Statements as they are."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def run(self, sql: str, values: Sequence[object] = ()) -> None:
        """Nothing."""
        self._database.execute(sql, tuple(values))

    def all(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of the answer."""
        return self._database.execute(sql, tuple(values)).fetchall()

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Adds the rows, many in one statement."""
        before, after = table.insert
        one = f"({','.join('?' * len(table.columns))})"
        start = 0
        for n in _CHUNKS:
            sql = f"{before}VALUES {','.join([one] * n)}{after}"
            while len(rows) - start >= n:
                self._database.execute(sql, [value for each in rows[start : start + n] for value in each])
                start += n


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(name, uri=uri, check_same_thread=False, isolation_level=None, timeout=_BUSY_S)


def _make(database: sqlite3.Connection, place: str) -> None:
    """Makes the tables where the file is empty, one process at a time; checks it otherwise."""
    if _is_empty(database):
        database.execute("BEGIN IMMEDIATE")
        try:
            if _is_empty(database):  # nobody was faster
                _create(database)
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise
    _check(database, place)
    if _schema(database) < SCHEMA:
        _migrate(database)


def _migrate(database: sqlite3.Connection) -> None:
    """Brings a file of an earlier Merits up to the present schema, all or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        for statement in migration(_schema(database), "json_extract(record, '$.{}')".format, "REAL"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {SCHEMA}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _schema(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _is_empty(database: sqlite3.Connection) -> bool:
    return not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]


def _create(database: sqlite3.Connection) -> None:
    database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute(f"PRAGMA user_version = {SCHEMA}")
    for table in TABLES.values():
        columns = [f"{name} {_TYPES[kind]}" for name, kind in table.columns]
        columns += [f"PRIMARY KEY ({table.key})"] if table.key else ["number INTEGER PRIMARY KEY"]
        database.execute(f"CREATE TABLE {table.name} ({', '.join(columns)})")
    for index in INDEXES:
        database.execute(index)


def _check(database: sqlite3.Connection, place: str) -> None:
    """Raises when the file is no live store, or a newer one. Writes nothing."""
    if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise _unusable(place, "it is a database of another kind")
    schema = _schema(database)
    if schema > SCHEMA:
        raise StoreTooNew(
            f"{place} was written by a newer Merits (schema {schema}; this one reads up to {SCHEMA}).",
            "Update Merits, or name another live store.",
        )


def _into_wal(database: sqlite3.Connection) -> None:
    """SQLite does not wait for the others when it changes the mode, so we do."""
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode not in _BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _file(path: Path | None) -> tuple[int, int] | None:
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turns what SQLite says into what the reader should do, and says whether the file must be opened anew."""
    try:
        yield
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorcode", None)
        if code in _FULL:
            raise DiskFull(
                f"There is no room left for {place}; what was added before is kept.", "Free some space."
            ) from problem
        if code is not None and code & 0xFF in _BUSY:
            raise StoreBusy(
                f"{place} was held by another process for {_BUSY_S:.0f} s.", "See who has it open: fuser"
            ) from problem
        raise Lost(_unusable(place, str(problem)), doubt=True) from problem


def _unusable(place: str, why: str) -> StoreError:
    return StoreError(f"{place} cannot be used as a live store: {why}.", "Name another one.")
