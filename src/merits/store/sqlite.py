"""The embedded store: one SQLite file. Survives `kill -9` at any moment; many read while one writes.

Answers are rows that are only ever appended, without an index on their keys: which of two answers counts is settled
when they are read, so a million of them are written in seconds. Knows nothing about tasks, scores or verdicts.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.batching import Submission, latest
from merits.core.candidate import Candidate
from merits.core.decision import Decision
from merits.core.doors import AnswerKey, Record, Refreshed, Store, StoredAnswer, StoredRun
from merits.core.errors import DiskFull, StoreError, StoreTooNew
from merits.core.evaluation import Evaluation
from merits.core.secrets import redact, redact_values
from merits.core.task import Split
from merits.store.columns import described, pack, unpack
from merits.store.lock import WriterLock
from merits.store.on_disk import AnswersOnDisk, Indexed, Numbered, Stored

__all__ = ["SCHEMA", "SqliteStore", "open_store"]

SCHEMA = 3  # 1 knew no refreshes, 2 not when they ended
_APPLICATION = 0x4D455254  # "MERT", in the file's header, so that no other program's database is written to
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE versions (id INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE);
CREATE TABLE answers (
    id INTEGER PRIMARY KEY, version INTEGER NOT NULL, input BLOB NOT NULL, repeat INTEGER NOT NULL,
    perturbation TEXT NOT NULL, at REAL NOT NULL, answer TEXT NOT NULL);
CREATE INDEX answers_of_version ON answers (version);
CREATE TABLE candidates (id INTEGER PRIMARY KEY, candidate TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX records_of_candidate ON candidates (candidate);
CREATE TABLE evaluations (id INTEGER PRIMARY KEY, task TEXT NOT NULL, split TEXT NOT NULL, header TEXT NOT NULL);
CREATE INDEX evaluations_of_task ON evaluations (task, split);
CREATE TABLE arrays (hash TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE decisions (id INTEGER PRIMARY KEY, task TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX decisions_of_task ON decisions (task);
"""
# Made when it is missing, so that stores of before are used as they are.
_SUBMISSIONS = """
CREATE TABLE IF NOT EXISTS submissions (id INTEGER PRIMARY KEY, version TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS submissions_of_version ON submissions (version);
"""
# Rows a statement: each statement frees the interpreter's lock once, and getting it back from a busy thread takes up
# to 5 ms; one row a statement would store 200 answers a second while candidates compute.
_CHUNKS = (256, 64, 16, 4, 1)
_COLUMNS = "version, input, repeat, perturbation, at, answer"
_INSERT = {n: f"INSERT INTO answers ({_COLUMNS}) VALUES {','.join(['(?,?,?,?,?,?)'] * n)}" for n in _CHUNKS}
# In the place of an answer: what was answered before counts no more, and the end of that. Schema 2 wrote the first,
# and no ends: its refreshes count as ended.
_REFRESHED_ONCE, _REFRESHED, _ENDED = _MARKS = ("", "refreshed", "ended")
_AT_ONCE = 1_000  # answers in memory while all that were ever paid are read
_FEW_KEYS = 500  # up to so many are looked for by SQLite; more by reading all answers of the version
LARGE = 50_000  # answers of a version; more are left on disk, which is slower
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})

_encode = msgspec.json.Encoder().encode
_decode_answer = msgspec.json.Decoder(Answer).decode


def open_store(path: str | Path, *, write: bool = True) -> Store:
    """The store in a file, made if it is not there; ":memory:" lives as long as the process.

    With `write` it is locked against a second writer until it is closed; without, it must exist, can be read while
    another run writes, and refuses `add`.
    """
    return SqliteStore(path, write=write)


class SqliteStore(Store):
    """A `Store` in one SQLite file, in WAL mode with synchronous=FULL: what `add` returned from is on disk.

    Raises StoreBusy when another run writes to it, StoreTooNew when a newer version wrote it, DiskFull when there is
    no room (what was added before is kept), and StoreError for anything else that is wrong with the file. Concurrent
    calls of `add` share one commit. Secrets that were registered never reach the file.

    >>> store = SqliteStore(":memory:")
    >>> key = AnswerKey("a" * 32)
    >>> store.add([StoredAnswer("v1", key, Answer("yes"), at=0.0)])
    >>> store.answers("v1")[key].output
    'yes'
    >>> store.close()
    """

    def __init__(self, path: str | Path, *, write: bool = True) -> None:
        self.path = Path(path)
        self._memory = str(path) == ":memory:"
        self._write = write
        self._lock = threading.RLock()
        self._queue_lock = threading.Lock()
        self._queue: list[_Addition] = []
        self._versions: dict[str, int] = {}
        self._writer: WriterLock | None = None
        if self._memory:
            self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            self._create()
        elif write:
            self._open_to_write()
        else:
            self._database = self._open_to_read()

    # opening

    def _open_to_write(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise self._unusable(problem.strerror or str(problem)) from None
        self._writer = WriterLock(self.path.with_name(f"{self.path.name}.lock"), self.path)
        try:
            with self._explained():
                self._database = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
                if self._is_empty():
                    self._create()
                self._check()
                self._database.executescript(_SUBMISSIONS)
                self._database.execute(
                    "UPDATE meta SET value = ? WHERE name = 'schema' AND value < ?", (SCHEMA, SCHEMA)
                )
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.execute("PRAGMA wal_autocheckpoint = 8000")
                self._database.execute("PRAGMA cache_size = -8000")
        except StoreError:
            self.close()
            raise

    def _open_to_read(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise StoreError(f"There is no store at {self.path}.", "Run an evaluation first: merits run")
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        if not os.access(self.path.parent, os.W_OK) and not self._wal().exists():
            uri += "&immutable=1"  # SQLite cannot make its shared memory file there, and nobody else can write either
        with self._explained():
            self._database = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
            self._check()
        return self._database

    def _wal(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    def _is_empty(self) -> bool:
        return not self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]

    def _create(self) -> None:
        self._database.executescript(
            f"BEGIN; PRAGMA application_id = {_APPLICATION}; {_TABLES} {_SUBMISSIONS} "
            f"INSERT INTO meta VALUES ('schema', '{SCHEMA}'); COMMIT;"
        )

    def _check(self) -> None:
        """Raises when the file is no store of ours, or a newer one. Writes nothing."""
        if self._database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise self._unusable("it is a database of another program")
        schema = int(self._database.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()[0])
        if schema > SCHEMA:
            raise StoreTooNew(
                f"{self.path} was written by a newer Merits (schema {schema}; this one reads up to {SCHEMA}).",
                "Update Merits, or name another store with --store.",
            )

    # writing

    def add(self, records: Sequence[Record]) -> None:
        """Nothing, once the records are on disk. Callers that come together share one commit."""
        if not self._write:
            raise StoreError(f"{self.path} was opened to be read.", "Open it with write=True.")
        addition = _Addition(records)
        with self._queue_lock:
            self._queue.append(addition)
        with self._lock:
            if not addition.done:
                self._commit_queue()
        if addition.problem is not None:
            raise addition.problem

    def _commit_queue(self) -> None:
        with self._queue_lock:
            queue, self._queue = self._queue, []
        try:
            self._commit(queue)
        except Exception as problem:  # noqa: BLE001 (raised again by its caller)
            if len(queue) == 1:
                queue[0].settle(problem)
                return
            for addition in queue:  # one caller's mistake must not fail the others
                try:
                    self._commit([addition])
                except Exception as its_own:  # noqa: BLE001 (raised again by its caller)
                    addition.settle(its_own)

    def _commit(self, additions: Sequence[_Addition]) -> None:
        with self._explained(), self._transaction():
            for addition in additions:
                self._insert(addition.records)
        for addition in additions:
            addition.settle(None)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        known = dict(self._versions)
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            self._versions = known
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _insert(self, records: Sequence[Record]) -> None:
        self._insert_answers([record for record in records if isinstance(record, StoredAnswer | Refreshed)])
        for record in records:
            if isinstance(record, Candidate):
                self._insert_candidate(record)
            elif isinstance(record, Evaluation):
                self._insert_evaluation(record)
            elif isinstance(record, Decision):
                text = redact_values(_encode(record).decode())
                self._database.execute("INSERT INTO decisions (task, record) VALUES (?, ?)", (record.task, text))
            elif isinstance(record, Submission):
                self._insert_submission(record)
            elif not isinstance(record, StoredAnswer | Refreshed):
                raise TypeError(f"a store keeps answers, candidates, evaluations and decisions, not {type(record)}")

    def _insert_answers(self, answers: Sequence[StoredAnswer | Refreshed]) -> None:
        values: list[object] = []
        extend = values.extend
        versions = self._versions
        for record in answers:
            version, (input_hash, repeat, perturbation) = record.version, record.key
            number = versions.get(version) or self._number(version)
            text = _mark(record) if isinstance(record, Refreshed) else _to_text(record.answer)
            extend((number, _to_blob(input_hash), repeat, perturbation, record.at, text))
        width, start = 6, 0
        for n in _CHUNKS:
            while len(values) - start >= n * width:
                self._database.execute(_INSERT[n], values[start : start + n * width])
                start += n * width

    def _number(self, version: str) -> int:
        """The short number of a version, which is given one if it has none."""
        found = self._find_number(version)
        if found is None:
            found = self._database.execute("INSERT INTO versions (version) VALUES (?)", (version,)).lastrowid
        assert found is not None
        self._versions[version] = found
        return found

    def _find_number(self, version: str) -> int | None:
        row = self._database.execute("SELECT id FROM versions WHERE version = ?", (version,)).fetchone()
        return row[0] if row else None

    def _insert_candidate(self, candidate: Candidate) -> None:
        text = redact_values(_encode(candidate).decode())
        latest = self._database.execute(
            "SELECT record FROM candidates WHERE candidate = ? ORDER BY id DESC LIMIT 1", (candidate.id,)
        ).fetchone()
        if latest is None or latest[0] != text:
            self._database.execute("INSERT INTO candidates (candidate, record) VALUES (?, ?)", (candidate.id, text))

    def _insert_submission(self, submission: Submission) -> None:
        text = redact_values(_encode(submission).decode())
        self._database.execute("INSERT INTO submissions (version, record) VALUES (?, ?)", (submission.version, text))

    def _insert_evaluation(self, evaluation: Evaluation) -> None:
        header = redact_values(pack(evaluation, self._keep, at=time.time()).decode())
        self._database.execute(
            "INSERT INTO evaluations (task, split, header) VALUES (?, ?, ?)",
            (evaluation.task, evaluation.split, header),
        )

    def _keep(self, data: bytes) -> str:
        """The hash under which an array is kept, once: an evaluation that is repeated costs little."""
        digest = blake2b(data, digest_size=16).hexdigest()
        self._database.execute("INSERT OR IGNORE INTO arrays VALUES (?, ?)", (digest, data))
        return digest

    # reading

    def answers(self, version: str, keys: Collection[AnswerKey] | None = None) -> Mapping[AnswerKey, Answer]:
        """The answers of one version (to these keys only, if given) that count, failures included.

        Many of them are read when they are asked for, so the store must be open until then.
        """
        number = self._known_number(version)
        if number is None:  # before a set is made of a million keys
            return {}
        if (keys is None or len(keys) > _FEW_KEYS) and self._has_many(number):
            read = partial(self._between, number)
            return AnswersOnDisk(self._indexed(number), keys, read=read, decode=self._decoded, settle=self._settled)
        wanted = None if keys is None else frozenset(keys)
        return self._settled(self._answer_rows(number, wanted), wanted)

    def _settled(self, rows: Iterable[Stored], wanted: frozenset[AnswerKey] | None = None) -> dict[AnswerKey, Answer]:
        """Which of the answers to each key counts; the rows are in the order in which they were stored."""
        found: dict[AnswerKey, Answer] = {}
        new_key, decode = AnswerKey._make, self._decoded  # this loop runs a million times
        for input, repeat, perturbation, text in rows:
            key = new_key((input.hex() if type(input) is bytes else input, repeat, perturbation))
            if wanted is not None and key not in wanted:
                continue
            earlier = found.get(key)
            if text in _MARKS:
                if text != _ENDED:
                    found.pop(key, None)
            elif earlier is None or earlier.failure is not None:
                found[key] = decode(text)
            elif earlier.refused and (later := decode(text)).failure is None:
                found[key] = later
        return found

    def _known_number(self, version: str) -> int | None:
        with self._lock, self._explained():
            return self._find_number(version)

    def _has_many(self, number: int) -> bool:
        with self._lock, self._explained():
            some = self._database.execute(
                "SELECT 1 FROM answers WHERE version = ? LIMIT 1 OFFSET ?", (number, LARGE)
            ).fetchone()
            return some is not None

    def _indexed(self, number: int) -> Iterator[Indexed]:
        """Every answer of a version without its text, in the order in which they were stored."""
        rows: list[Indexed] = [(0, "", 0, "", False)]
        while rows:
            with self._lock, self._explained():
                rows = self._database.execute(
                    "SELECT id, input, repeat, perturbation, answer IN (?, ?, ?) FROM answers "
                    "WHERE version = ? AND id > ? ORDER BY id LIMIT ?",
                    (*_MARKS, number, rows[-1][0], _AT_ONCE),
                ).fetchall()
            yield from rows

    def _between(self, number: int, first: int, end: int) -> list[Numbered]:
        """The answers of a version with these numbers."""
        with self._lock, self._explained():
            return self._database.execute(
                "SELECT id, input, repeat, perturbation, answer FROM answers WHERE version = ? AND id >= ? AND id < ?",
                (number, first, end),
            ).fetchall()

    def paid(self, version: str) -> Iterator[StoredAnswer]:
        """All that was ever answered by one version, oldest first: also what counts no more, for it was paid too."""
        last = 0
        while rows := self._paid_rows(version, last):
            last = rows[-1][0]
            for _, input, repeat, perturbation, at, text in rows:
                key = AnswerKey(input.hex() if isinstance(input, bytes) else input, repeat, perturbation)
                yield StoredAnswer(version, key, self._decoded(text), at)

    def _paid_rows(self, version: str, after: int) -> list[tuple[int, bytes | str, int, str, float, str]]:
        with self._lock, self._explained():
            return self._database.execute(
                "SELECT id, input, repeat, perturbation, at, answer FROM answers "
                "WHERE version = ? AND id > ? AND answer NOT IN (?, ?, ?) ORDER BY id LIMIT ?",
                (self._find_number(version), after, *_MARKS, _AT_ONCE),
            ).fetchall()

    def refreshing(self, version: str) -> frozenset[AnswerKey]:
        """The questions of a version whose refresh was begun and has not ended."""
        with self._lock, self._explained():
            rows = self._database.execute(
                "SELECT input, repeat, perturbation, answer FROM answers WHERE version = ? AND answer IN (?, ?) "
                "ORDER BY id",
                (self._find_number(version), _REFRESHED, _ENDED),
            ).fetchall()
        latest = {
            AnswerKey(input.hex() if isinstance(input, bytes) else input, repeat, perturbation): text
            for input, repeat, perturbation, text in rows
        }
        return frozenset(key for key, text in latest.items() if text == _REFRESHED)

    def _answer_rows(self, number: int, keys: frozenset[AnswerKey] | None) -> Iterable[Stored]:
        where, values = "", []
        if keys is not None and len(keys) <= _FEW_KEYS:
            inputs = {key.input_hash for key in keys}
            where, values = f" AND input IN ({','.join('?' * len(inputs))})", [_to_blob(input) for input in inputs]
        with self._lock, self._explained():
            return self._database.execute(
                f"SELECT input, repeat, perturbation, answer FROM answers WHERE version = ?{where} ORDER BY id",
                [number, *values],
            ).fetchall()

    def _decoded(self, text: str) -> Answer:
        try:
            return _decode_answer(text)
        except msgspec.DecodeError as problem:
            raise self._unusable(f"an answer in it is broken ({problem})") from None

    def candidates(self) -> Sequence[Candidate]:
        """All candidates ever stored, the latest name and price of each id, in the order they were first seen."""
        with self._lock, self._explained():
            rows = self._database.execute("SELECT candidate, record FROM candidates ORDER BY id").fetchall()
        latest = dict(rows)
        return [msgspec.json.decode(text, type=Candidate) for text in latest.values()]

    def evaluation(self, task: str, split: Split) -> Evaluation | None:
        """The latest evaluation of a task (by its id) and split; None when there is none."""
        with self._lock, self._explained():
            row = self._database.execute(
                "SELECT header FROM evaluations WHERE task = ? AND split = ? ORDER BY id DESC LIMIT 1", (task, split)
            ).fetchone()
            return unpack(row[0].encode(), self._fetch) if row else None

    def runs(self) -> Sequence[StoredRun]:
        """What evaluations there are, of all tasks and splits, oldest first."""
        with self._lock, self._explained():
            rows = self._database.execute("SELECT id, header FROM evaluations ORDER BY id").fetchall()
        return [described(header.encode(), number) for number, header in rows]

    def run(self, number: int) -> Evaluation | None:
        """One evaluation by its number; None when there is none."""
        with self._lock, self._explained():
            row = self._database.execute("SELECT header FROM evaluations WHERE id = ?", (number,)).fetchone()
            return unpack(row[0].encode(), self._fetch) if row else None

    def _fetch(self, digest: str) -> bytes:
        row = self._database.execute("SELECT data FROM arrays WHERE hash = ?", (digest,)).fetchone()
        if row is None:
            raise self._unusable("an array of an evaluation is missing")
        data: bytes = row[0]
        return data

    def decisions(self, task: str) -> Sequence[Decision]:
        """All decisions on a task (by its id), oldest first."""
        with self._lock, self._explained():
            rows = self._database.execute("SELECT record FROM decisions WHERE task = ? ORDER BY id", (task,)).fetchall()
        return [msgspec.json.decode(text, type=Decision) for (text,) in rows]

    def submissions(self, version: str | None = None) -> Sequence[Submission]:
        """What was put to providers as batches (for one version), each at its latest stage, oldest first."""
        where, values = ("", []) if version is None else (" WHERE version = ?", [version])
        with self._lock, self._explained():
            there = "SELECT 1 FROM sqlite_schema WHERE name = 'submissions'"
            if self._database.execute(there).fetchone() is None:  # an older store, opened to be read
                return ()
            rows = self._database.execute(f"SELECT record FROM submissions{where} ORDER BY id", values).fetchall()
        return latest(msgspec.json.decode(text, type=Submission) for (text,) in rows)

    def close(self) -> None:
        """Frees the file and the lock. May be called twice."""
        with self._lock:
            database = getattr(self, "_database", None)
            if database is not None:
                database.close()
            if self._writer is not None:
                self._writer.release()

    # explaining

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what SQLite says into what the reader should do."""
        try:
            yield
        except sqlite3.Error as problem:
            code = getattr(problem, "sqlite_errorcode", None)
            if code in _FULL:
                raise DiskFull(
                    f"There is no room left for {self.path}; what was answered before is kept.",
                    "Free some space, then run again: it goes on where it stopped.",
                ) from problem
            raise self._unusable(str(problem)) from problem

    def _unusable(self, why: str) -> StoreError:
        return StoreError(f"{self.path} cannot be used as a store: {why}.", "Name another one with --store.")


class _Addition:
    """What one caller of `add` brought, and what came of it."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.done = False
        self.problem: Exception | None = None

    def settle(self, problem: Exception | None) -> None:
        self.done, self.problem = True, problem


def _to_blob(input_hash: str) -> bytes | str:
    """A hash of 32 hex digits as 16 bytes; any other text as it is."""
    if len(input_hash) == 32:
        try:
            blob = bytes.fromhex(input_hash)
        except ValueError:
            return input_hash
        if blob.hex() == input_hash:
            return blob
    return input_hash


def _mark(record: Refreshed) -> str:
    return _ENDED if record.ended else _REFRESHED


def _to_text(answer: Answer) -> str:
    if answer.failure is not None:
        answer = replace(answer, failure=replace(answer.failure, message=redact(answer.failure.message)))
    return redact_values(_encode(answer).decode())
