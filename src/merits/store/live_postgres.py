"""The live store's dialect for several machines: PostgreSQL 12 or newer, by psycopg 3.

Writers take an advisory lock until they have committed, so that numbers grow in the order of commits: a reader that
saw number 9 has seen all below it that will ever be. PostgreSQL frees the lock after the commit is visible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit

from merits.core.errors import DiskFull, MissingExtra, StoreError, StoreTooNew
from merits.core.secrets import redact, register
from merits.store.live_migrations import migration
from merits.store.live_rows import INDEXES, SCHEMA, TABLES, Row, Table
from merits.store.live_session import Connection, Dialect, Lost

try:
    import psycopg
except ImportError:
    raise MissingExtra("PostgreSQL needs the package psycopg.", "pip install 'merits[postgres]'") from None

__all__ = ["Postgres"]

_TYPES = {"text": "TEXT", "int": "BIGINT", "real": "DOUBLE PRECISION", "bytes": "BYTEA"}
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('merits live'), hashtext(current_schema()))"
_FULL = "53100"
_CONNECT_S = 5
# A network that swallows packets is noticed in half a minute; a statement that hangs, in one (it is set by a statement,
# and none is prepared, so that a pooler such as PgBouncer may stand in between).
_LIMITS = "SET statement_timeout = '60s'; SET lock_timeout = '30s'"
_SETTINGS: dict[str, str | int] = {
    "connect_timeout": _CONNECT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
    "application_name": "merits",
}


class Postgres(Dialect):
    """Reaches a database by its URL; the tables are in the first schema of the search path."""

    shared = False

    def __init__(self, url: str, *, write: bool) -> None:
        parts = urlsplit(url)
        self.place = f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"
        try:
            self._given = psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error:  # what it says repeats the password
            raise StoreError(
                f"{self.place}...: no address of a database.", "Write postgresql://user:password@host:5432/database."
            ) from None
        if password := self._given.get("password"):
            register(str(password))
        self._url = url
        self._write = write

    def connect(self) -> Connection:
        """A connection; the tables are made if they are missing and this may write."""
        try:
            settings = {name: value for name, value in _SETTINGS.items() if name not in self._given}
            database = psycopg.connect(self._url, autocommit=True, prepare_threshold=None, **settings)  # type: ignore[arg-type]
        except psycopg.Error as problem:
            raise _unusable(self.place, problem) from None
        try:
            with _explained(self.place):
                database.execute(_LIMITS)
                self._check(database)
        except (Lost, StoreError) as problem:
            database.close()
            raise (problem.problem if isinstance(problem, Lost) else problem) from None
        return PostgresConnection(database, self.place)

    def _check(self, database: psycopg.Connection) -> None:
        if _schema(database) is None:
            if not self._write:
                raise StoreError(
                    f"There is no live store at {self.place}.", "It is made with the first release: merits release"
                )
            with database.transaction():
                database.execute(_LOCK)
                if _schema(database) is None:  # nobody was faster
                    _create(database)
        schema = _schema(database) or 0
        if schema > SCHEMA:
            raise StoreTooNew(
                f"{self.place} was written by a newer Merits (schema {schema}; this one reads up to {SCHEMA}).",
                "Update Merits, or name another live store.",
            )
        if schema < SCHEMA and self._write:
            with database.transaction():
                database.execute(_LOCK)
                _migrate(database)


class PostgresConnection(Connection):
    """An open connection in autocommit mode, with transactions where they are asked for."""

    def __init__(self, database: psycopg.Connection, place: str) -> None:
        self._database = database
        self._place = place

    def usable(self) -> bool:
        """Whether it is open, as far as is known here."""
        return not self._database.closed

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[PostgresCursor]:
        """Waits for its turn first where it writes; one that reads is of one statement, which is a transaction."""
        committing = False
        with _explained(self._place, lambda: committing):
            if not write:
                yield PostgresCursor(self._database)
                return
            with self._database.transaction():
                self._database.execute(_LOCK)
                yield PostgresCursor(self._database)
                committing = True

    def close(self) -> None:
        """Ends the session."""
        self._database.close()


class PostgresCursor:
    """Statements with the driver's own marks for parameters."""

    def __init__(self, database: psycopg.Connection) -> None:
        self._database = database

    def run(self, sql: str, values: Sequence[object] = ()) -> None:
        """Nothing."""
        self._database.execute(_marked(sql), values)

    def all(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of the answer."""
        return self._database.execute(_marked(sql), values).fetchall()

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Adds the rows in one statement, which the server reads once for any number of them: columns as arrays."""
        self._database.execute(_insert(table), [_array(values) for values in zip(*rows, strict=True)])


def _array(values: Sequence[object]) -> str:
    """A column as PostgreSQL writes an array; the driver's own way takes ten times as long.

    >>> _array(["a", None, 'say "no"', 1.5, bytes([255])])
    '{"a",NULL,"say \\\\"no\\\\"",1.5,"\\\\\\\\xff"}'
    """
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return "NULL" if value is None else repr(value)


@cache
def _insert(table: Table) -> str:
    before, after = table.insert
    arrays = ", ".join(f"%s::{_TYPES[kind].lower()}[]" for _, kind in table.columns)
    return f"{before}SELECT * FROM unnest({arrays}){after}"


@cache
def _marked(sql: str) -> str:
    return sql.replace("?", "%s")


def _schema(database: psycopg.Connection) -> int | None:
    """The schema of the tables that are there; None where there are none."""
    # not to_regclass: it does not see what was committed while this transaction waited for its turn
    there = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'merits_meta'"
    if database.execute(there).fetchone() is None:
        return None
    found = database.execute("SELECT value FROM merits_meta WHERE name = 'schema'").fetchone()
    return int(found[0]) if found else None


def _migrate(database: psycopg.Connection) -> None:
    """Brings tables of an earlier Merits up to the present schema; in a transaction, of one process at a time."""
    database.execute("SET LOCAL statement_timeout = 0")  # it looks at every row
    field = r"(replace(record, '\u0000', '\ufffd')::json ->> '{}')"  # its JSON has no NUL
    for statement in migration(_schema(database) or 0, field.format, "DOUBLE PRECISION"):
        database.execute(statement.encode())
    database.execute(b"UPDATE merits_meta SET value = '%d' WHERE name = 'schema'" % SCHEMA)


def _create(database: psycopg.Connection) -> None:
    statements = ["CREATE TABLE merits_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"]
    for table in TABLES.values():
        columns = [f"{name} {_TYPES[kind]}" for name, kind in table.columns]
        key = f"PRIMARY KEY ({table.key})" if table.key else "number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        statements.append(f"CREATE TABLE {table.name} ({', '.join([*columns, key])})")
    for statement in [*statements, *INDEXES, f"INSERT INTO merits_meta VALUES ('schema', '{SCHEMA}')"]:
        database.execute(statement)


@contextmanager
def _explained(place: str, committing: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Turns what PostgreSQL says into what the reader should do, and says whether to connect anew.

    Also where the tables are gone: whoever connects anew makes them again.
    """
    try:
        yield
    except psycopg.Error as problem:
        if problem.sqlstate == _FULL:
            raise DiskFull(
                f"There is no room left for {place}; what was added before is kept.", "Free some space on its server."
            ) from problem
        raise Lost(_unusable(place, problem), doubt=committing()) from problem


def _unusable(place: str, problem: psycopg.Error) -> StoreError:
    why = " ".join(redact(str(problem)).split())
    return StoreError(f"{place} cannot be used as a live store: {why}.", "See that its server runs and lets you in.")
