"""Vectors that were computed once, kept in a file by what they are of, so that nothing is computed twice.

Knows nothing about what computes them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["FeatureStore"]

Floats = NDArray[np.float32]
_AT_ONCE = 500


class FeatureStore:
    """Vectors of one extractor, by a key each, in an SQLite file that several processes may use at once.

    A file that cannot be read or written is as good as an empty one: only time is lost.

    >>> import tempfile
    >>> store = FeatureStore(Path(tempfile.mkdtemp()) / "features.sqlite", "extractor 1")
    >>> store.add({"a": np.array([1.0, 2.0], np.float32)})
    >>> {key: vector.tolist() for key, vector in store.get(["a", "b"]).items()}
    {'a': [1.0, 2.0]}
    """

    def __init__(self, file: Path, extractor: str) -> None:
        self._file = file
        self._extractor = extractor

    def get(self, keys: Iterable[str]) -> dict[str, Floats]:
        """The vectors that are there."""
        wanted = list(dict.fromkeys(keys))
        if not self._file.is_file():
            return {}
        found: dict[str, Floats] = {}
        try:
            with closing(self._opened()) as file:
                for at in range(0, len(wanted), _AT_ONCE):
                    some = wanted[at : at + _AT_ONCE]
                    query = f"SELECT key, vector FROM features WHERE extractor = ? AND key IN ({_marks(some)})"
                    rows = file.execute(query, [self._extractor, *some])
                    found |= {key: np.frombuffer(vector, np.float32) for key, vector in rows}
        except sqlite3.Error:
            return {}
        return found

    def add(self, vectors: Mapping[str, Floats]) -> None:
        """The vectors are there from now on."""
        rows = [(self._extractor, key, vector.astype(np.float32).tobytes()) for key, vector in vectors.items()]
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._opened()) as file, file:
                file.execute(
                    "CREATE TABLE IF NOT EXISTS features (extractor TEXT, key TEXT, vector BLOB,"
                    " PRIMARY KEY (extractor, key)) WITHOUT ROWID"
                )
                file.executemany("INSERT OR IGNORE INTO features VALUES (?, ?, ?)", rows)
        except (sqlite3.Error, OSError):
            return

    def _opened(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=30)


def _marks(some: Sequence[str]) -> str:
    return ", ".join("?" * len(some))
