"""The memory of production: one set of queries over two small dialects, SQLite for one machine, PostgreSQL for several.

Rows are only ever appended; their columns hold what is looked for, `record` the whole of it as JSON. Knows nothing of
HTTP, of journals, or of what the records mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from merits.core.doors import LiveStore, Numbered
from merits.core.errors import StoreError, UsageError
from merits.core.live import Alert, AlertMark, ApiKey, Checkpoint, Feedback, LiveRecord, Rollout, Served
from merits.core.release import Release
from merits.store.live_rows import TABLES, Row, column, feedback_without_content, row, table_of, without_content
from merits.store.live_session import Cursor, Session
from merits.store.live_sqlite import Sqlite

__all__ = ["SqlLiveStore", "open_live"]

_LAST = 2**62  # a number that no record has
_IN_ONE_QUESTION = 500  # request ids
_FORGOTTEN_AT_ONCE = 500  # requests in one transaction: others get their turn in between
T = TypeVar("T")

_decode_served = msgspec.json.Decoder(Served).decode
_decode_feedback = msgspec.json.Decoder(Feedback).decode


def open_live(place: str | Path, *, write: bool = True) -> LiveStore:
    """The live store at a path (SQLite), at `postgresql://...`, or ":memory:", which lives as long as the object.

    With `write` it is made if it is not there, and any number of processes may have it open. Without, it must exist,
    and refuses `add` and `forget`. Raises StoreError when it cannot be reached, StoreTooNew when a newer Merits wrote
    it, MissingExtra where PostgreSQL's driver is not installed, and UsageError for a URL of anything else.

    >>> from merits.core.answer import Answer
    >>> store = open_live(":memory:")
    >>> served = Served(request="r1", task="t", release=1, arm="champion", at=0.0, input_hash="", answer=Answer("yes"))
    >>> store.add([served])
    >>> store.add([served])  # after a doubt: it is there once
    >>> [(number, record.answer.output) for number, record in store.served("t")]
    [(1, 'yes')]
    >>> store.close()
    """
    if str(place).startswith(("postgresql://", "postgres://")):
        from merits.store.live_postgres import Postgres

        return SqlLiveStore(Session(Postgres(str(place), write=write)), write=write)
    scheme, is_url, _ = str(place).partition("://")
    if is_url:
        raise UsageError(
            f"a live store cannot be at {scheme}://...", "Name a path, or PostgreSQL: postgresql://HOST/DATABASE"
        )
    return SqlLiveStore(Session(Sqlite(place, write=write)), write=write)


class SqlLiveStore(LiveStore):
    """A `LiveStore` in tables. One session writes and one reads, so that a long reading holds up no answer.

    What `forget` takes is gone from every later reading at once; the pages of the database that held it are
    overwritten (SQLite) or freed by the next vacuum (PostgreSQL).
    """

    def __init__(self, session: Session, *, write: bool = True) -> None:
        self._writer = session
        self._reader = session.another()
        self._write = write
        self._reader.open()  # so that what is wrong is said at once

    # writing

    def add(self, records: Sequence[LiveRecord]) -> None:
        """Nothing, once the records are on disk, all or none. TypeError for what is no record."""
        self._refuse_if_reading()
        rows: dict[str, list[Row]] = {}
        for record in records:
            rows.setdefault(table_of(record), []).append(row(record))
        versions = [record for record in records if isinstance(record, Release)]
        if rows:
            again = rows.keys() <= {"merits_served", "merits_checkpoints"}
            self._writer.write(lambda cursor: self._insert(cursor, rows, versions), again=again)

    def _insert(self, cursor: Cursor, rows: Mapping[str, Sequence[Row]], versions: Sequence[Release]) -> None:
        for release in versions:
            self._refuse_other(cursor, release)
        for name, some in rows.items():
            cursor.insert(TABLES[name], some)

    def _refuse_other(self, cursor: Cursor, release: Release) -> None:
        """Raises where there is another release with this version: two were made at the same time."""
        found = cursor.all(
            "SELECT record FROM merits_records WHERE kind = 'release' AND task = ? AND name = ?",
            (column(release.task_name), str(release.version)),
        )
        others = [msgspec.json.decode(text, type=Release).id for (text,) in found]
        if others and release.id not in others:
            raise StoreError(
                f"There is another release {release.version} of {release.task_name} already.",
                "Make yours again: it gets the next version.",
            )

    def forget(self, task: str, before: float) -> int:
        """Takes the content of what was served or said before then; of how many records there was any."""
        self._refuse_if_reading()
        labels = frozenset(label for release in self.releases(task) for label in release.classes)
        n_forgotten = 0
        for forget_some in (_served_before, _said_before):
            n_looked_at = 1
            while n_looked_at:
                some = partial(forget_some, task=task, before=before, labels=labels)
                n_looked_at, n_of_these = self._writer.write(some)
                n_forgotten += n_of_these
        return n_forgotten

    def _refuse_if_reading(self) -> None:
        if not self._write:
            raise StoreError(f"{self._reader.place} was opened to be read.", "Open it with write=True.")

    # reading

    def _all(self, sql: str, values: Sequence[object]) -> list[Row]:
        return self._reader.read(lambda cursor: cursor.all(sql, values))

    def served(
        self, task: str, *, after: int = 0, most: int = 10_000, since: float | None = None
    ) -> Sequence[Numbered[Served]]:
        """What was served for a task after this number, and since that time, oldest first, at most so many."""
        rows = self._after("served", task, after, most, since)
        return [Numbered(number, _decode_served(text)) for number, text in rows]

    def feedback(self, task: str, *, after: int = 0, most: int = 10_000) -> Sequence[Numbered[Feedback]]:
        """The feedback on a task after this number, oldest first, at most so many."""
        return [Numbered(number, _decode_feedback(text)) for number, text in self._after("feedback", task, after, most)]

    def _after(self, table: str, task: str, after: int, most: int, since: float | None = None) -> list[Row]:
        where, values = "task = ? AND number > ?", [column(task), after]
        if since is not None:
            where, values = f"{where} AND at >= ?", [*values, since]
        return self._all(
            f"SELECT number, record FROM merits_{table} WHERE {where} ORDER BY number LIMIT ?", [*values, most]
        )

    def find(self, requests: Collection[str]) -> Mapping[str, Sequence[Served]]:
        """What was served under these request ids, shadows included; those that nobody knows are left out."""
        return self._by_request("served", requests, Served)

    def feedback_on(self, requests: Collection[str], *, upto: int | None = None) -> Mapping[str, Sequence[Feedback]]:
        """All feedback on these requests, oldest first; with `upto` what has at most that number."""
        return self._by_request("feedback", requests, Feedback, upto)

    def _by_request(
        self, table: str, requests: Collection[str], of: type[T], upto: int | None = None
    ) -> dict[str, list[T]]:
        names = {column(request): request for request in requests}
        decode = msgspec.json.Decoder(of).decode
        found: dict[str, list[T]] = {}
        for some in _in_parts(list(names)):
            marks = ",".join("?" * len(some))
            where = f"request IN ({marks}) AND number <= ?"
            rows = self._all(
                f"SELECT request, record FROM merits_{table} WHERE {where} ORDER BY number",
                [*some, _LAST if upto is None else upto],
            )
            for name, text in rows:
                found.setdefault(names[name], []).append(decode(text))
        return found

    def last_number(self, task: str) -> int:
        """The number of the last served request of a task; 0 when there is none."""
        rows = self._all(
            "SELECT number FROM merits_served WHERE task = ? ORDER BY number DESC LIMIT 1", (column(task),)
        )
        return int(rows[0][0]) if rows else 0

    def tasks(self) -> Sequence[str]:
        """The names of all tasks that have a release, sorted."""
        rows = self._all("SELECT DISTINCT task FROM merits_records WHERE kind = ?", ("release",))
        return sorted(task for (task,) in rows)

    def releases(self, task: str) -> Sequence[Release]:
        """All releases of a task, oldest first; the same one only once."""
        found = self._records("release", Release, task)
        return list({release.id: release for release in found}.values())

    def rollouts(self, task: str) -> Sequence[Rollout]:
        """All rollouts of a task, oldest first: the last one is in force."""
        return self._records("rollout", Rollout, task)

    def keys(self) -> Sequence[ApiKey]:
        """The latest record of each API key, in the order in which they were made."""
        return list({key.id: key for key in self._records("key", ApiKey)}.values())

    def alerts(self, task: str) -> Sequence[Alert]:
        """All alerts of a task, oldest first."""
        return self._records("alert", Alert, task)

    def marks(self, task: str) -> Sequence[AlertMark]:
        """All that was done about alerts of a task, oldest first."""
        return self._records("mark", AlertMark, task)

    def _records(self, kind: str, of: type[T], task: str = "") -> list[T]:
        rows = self._all(
            "SELECT record FROM merits_records WHERE kind = ? AND task = ? ORDER BY number", (kind, column(task))
        )
        decode = msgspec.json.Decoder(of).decode
        return [decode(text) for (text,) in rows]

    def checkpoint(self, task: str, name: str) -> Checkpoint | None:
        """The last state that was kept under a name; None when there is none."""
        rows = self._all(
            "SELECT at, state, seen FROM merits_checkpoints WHERE task = ? AND name = ?", (column(task), column(name))
        )
        return next(
            (Checkpoint(task=task, name=name, at=at, state=state, cursor=seen) for at, state, seen in rows), None
        )

    def spent(self, key: str, since: float, currency: str = "USD", presumed: float = 0.0) -> float:
        """What an API key spent since then (UNIX seconds) in a currency, as far as is known.

        An answer whose cost is not known (the deadline passed while a provider was at it) counts as much as the others
        do on average, and as much as `presumed` where that of none is known.
        """
        rows = self._all(
            "SELECT sum(cost), count(cost), count(*) FROM merits_served "
            "WHERE key = ? AND key <> '' AND currency = ? AND at >= ?",  # as the index says, or it is not used
            (column(key), currency, since),
        )
        ((cost, n_known, n),) = rows
        return float(cost) * int(n) / int(n_known) if n_known else presumed * int(n)

    def close(self) -> None:
        """Frees what the store holds. May be called twice."""
        self._writer.close()
        self._reader.close()


def _served_before(cursor: Cursor, task: str, before: float, labels: frozenset[str]) -> tuple[int, int]:
    """Forgets some that were served before then, with what was said of them.

    How many were looked at, and how many records had content.
    """
    found = cursor.all(
        "SELECT number, record FROM merits_served WHERE task = ? AND at < ? AND kept = 1 ORDER BY at LIMIT ?",
        (column(task), before, _FORGOTTEN_AT_ONCE),
    )
    n_forgotten, requests = 0, list[str]()
    for number, text in found:
        record = _decode_served(text)
        requests.append(column(record.request))
        left = without_content(record, labels)
        n_forgotten += left is not None
        kept = text if left is None else row(left)[-1]
        cursor.run("UPDATE merits_served SET kept = 0, record = ? WHERE number = ?", (kept, number))
    for some in _in_parts(requests):
        marks = ",".join("?" * len(some))
        said = cursor.all(
            f"SELECT number, record FROM merits_feedback WHERE request IN ({marks}) AND task = ? AND kept = 1",
            [*some, column(task)],
        )
        n_forgotten += _forget_said(cursor, said, labels)
    return len(found), n_forgotten


def _said_before(cursor: Cursor, task: str, before: float, labels: frozenset[str]) -> tuple[int, int]:
    """The same of feedback, by its own age: on what held no content, on what is not there, and what came late."""
    found = cursor.all(
        "SELECT number, record FROM merits_feedback WHERE task = ? AND at < ? AND kept = 1 ORDER BY at LIMIT ?",
        (column(task), before, _FORGOTTEN_AT_ONCE),
    )
    return len(found), _forget_said(cursor, found, labels)


def _forget_said(cursor: Cursor, found: Sequence[Row], labels: frozenset[str]) -> int:
    n_forgotten = 0
    for number, text in found:
        left = feedback_without_content(_decode_feedback(text), labels)
        n_forgotten += left is not None
        kept = text if left is None else row(left)[-1]
        cursor.run("UPDATE merits_feedback SET kept = 0, record = ? WHERE number = ?", (kept, number))
    return n_forgotten


def _in_parts(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + _IN_ONE_QUESTION] for start in range(0, len(names), _IN_ONE_QUESTION))
