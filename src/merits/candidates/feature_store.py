"""Vectors that were computed once, kept in a file by what they are of, so that nothing is computed twice.

Beside a vector stands what computing it took, as far as somebody measured it. Knows nothing about what computes them.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merits.core.identity import content_hash

__all__ = ["FeatureStore"]

Floats = NDArray[np.float32]
_AT_ONCE = 500
_TABLES = (
    "CREATE TABLE IF NOT EXISTS features (extractor TEXT, key TEXT, vector BLOB,"
    " PRIMARY KEY (extractor, key)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS seconds (extractor TEXT, way TEXT, machine TEXT, key TEXT, seconds REAL,"
    " PRIMARY KEY (extractor, way, machine, key)) WITHOUT ROWID",
)


class FeatureStore:
    """Vectors of one extractor, by a key each, in an SQLite file that several processes may use at once.

    A file that cannot be read or written is as good as an empty one: only time is lost.

    >>> import tempfile
    >>> store = FeatureStore(Path(tempfile.mkdtemp()) / "features.sqlite", "extractor 1")
    >>> store.add({"a": np.array([1.0, 2.0], np.float32)})
    >>> {key: vector.tolist() for key, vector in store.get(["a", "b"]).items()}
    {'a': [1.0, 2.0]}
    >>> store.add_seconds("one by one", {"a": 0.25})
    >>> store.seconds("one by one", ["a"]), store.seconds("8 at a time", ["a"])
    ({'a': 0.25}, {})
    """

    def __init__(self, file: Path, extractor: str) -> None:
        self._file = file
        self._extractor = extractor

    def get(self, keys: Iterable[str]) -> dict[str, Floats]:
        """The vectors that are there."""
        rows = self._rows("SELECT key, vector FROM features WHERE extractor = ?", [self._extractor], keys)
        try:
            return {str(key): np.frombuffer(vector, np.float32) for key, vector in rows if isinstance(vector, bytes)}
        except ValueError:  # a file that somebody else wrote
            return {}

    def seconds(self, way: str, keys: Iterable[str]) -> dict[str, float]:
        """What each vector took when it was computed in this way, on this machine, for those of which that is known."""
        query = "SELECT key, seconds FROM seconds WHERE extractor = ? AND way = ? AND machine = ?"
        rows = self._rows(query, [self._extractor, way, _machine()], keys)
        return {str(key): seconds for key, seconds in rows if isinstance(seconds, float)}

    def add(self, vectors: Mapping[str, Floats]) -> None:
        """The vectors are there from now on."""
        rows = [(self._extractor, key, vector.astype(np.float32).tobytes()) for key, vector in vectors.items()]
        self._add("INSERT OR IGNORE INTO features VALUES (?, ?, ?)", rows)

    def add_seconds(self, way: str, seconds: Mapping[str, float]) -> None:
        """What computing vectors in this way took, here. What is known already stays."""
        rows = [(self._extractor, way, _machine(), key, each) for key, each in seconds.items()]
        self._add("INSERT OR IGNORE INTO seconds VALUES (?, ?, ?, ?, ?)", rows)

    def _rows(self, query: str, given: Sequence[str], keys: Iterable[str]) -> list[tuple[object, ...]]:
        wanted = list(dict.fromkeys(keys))
        if not wanted or not self._file.is_file():
            return []
        found: list[tuple[object, ...]] = []
        try:
            with closing(self._opened()) as file:
                for at in range(0, len(wanted), _AT_ONCE):
                    some = wanted[at : at + _AT_ONCE]
                    found += file.execute(f"{query} AND key IN ({_marks(some)})", [*given, *some])
        except sqlite3.Error:
            return []
        return found

    def _add(self, query: str, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._opened()) as file, file:
                for table in _TABLES:
                    file.execute(table)
                file.executemany(query, rows)
        except (sqlite3.Error, OSError):
            return

    def _opened(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=30)


def _marks(some: Sequence[str]) -> str:
    return ", ".join("?" * len(some))


@cache
def _machine() -> str:
    """This machine, as far as it decides how long something takes: seconds of another one say nothing here."""
    return content_hash([platform.node(), platform.machine(), platform.processor(), os.cpu_count()])
