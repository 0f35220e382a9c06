"""Vectors of texts or files, computed once for all that learn from them, with what each of them takes an answer.

Knows nothing about what computes them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from merits.candidates import remembered
from merits.candidates.feature_store import FeatureStore
from merits.candidates.registry import LoadContext

__all__ = ["Compute", "KnownVectors", "Remembered", "remembered_of"]

T = TypeVar("T")
Floats = NDArray[np.float32]
Compute: TypeAlias = Callable[[Sequence[T]], NDArray[np.floating]]
_MOST_BYTES = 128_000_000  # of vectors in memory, of one extractor
_LONGEST_WAIT_S = 60.0


class Remembered:
    """The vectors of one extractor in memory, and in a file behind that. May be used by several threads.

    Seconds belong to a way of computing ("1 at a time"): company makes a vector cheaper.
    """

    def __init__(self, store: FeatureStore) -> None:
        self._store = store
        self._vectors: dict[str, Floats] = {}
        self._seconds: dict[str, dict[str, float]] = {}
        self._new: tuple[dict[str, Floats], dict[str, dict[str, float]]] = ({}, {})
        self._lock = threading.Lock()
        self._free = threading.Condition()
        self._claimed: set[tuple[str, str]] = set()

    def vectors(self, keys: Iterable[str]) -> dict[str, Floats]:
        """Those that are known."""
        wanted = list(dict.fromkeys(keys))
        there = self._vectors
        found = {key: there[key] for key in wanted if key in there}
        if len(found) < len(wanted):
            read = self._store.get(key for key in wanted if key not in found)
            self._put(read)
            found |= read
        return found

    def seconds(self, way: str, keys: Iterable[str]) -> dict[str, float]:
        """What those took of which that is known."""
        there = self._seconds.setdefault(way, {})
        wanted = list(dict.fromkeys(keys))
        if missing := [key for key in wanted if key not in there]:
            there |= self._store.seconds(way, missing)
        return {key: there[key] for key in wanted if key in there}

    def keep(self, vectors: Mapping[str, Floats]) -> None:
        """Remembers vectors, in the file too, and writes what was noted."""
        self._put(vectors)
        self._store.add(vectors)
        self.write()

    def note(self, way: str, seconds: Mapping[str, float], vectors: Mapping[str, Floats]) -> None:
        """Remembers what somebody waits for: nothing is written until `keep` or `write`."""
        self._put(vectors)
        with self._lock:
            there = self._seconds.setdefault(way, {})
            for key, each in seconds.items():
                there.setdefault(key, each)
            self._new[0].update(vectors)
            self._new[1].setdefault(way, {}).update(seconds)

    @contextmanager
    def mine(self, way: str, keys: Sequence[str]) -> Iterator[None]:
        """While it is open nobody else computes these; waits, up to a minute, for whoever does."""
        claim = {(way, key) for key in keys}
        with self._free:
            self._free.wait_for(lambda: not claim & self._claimed, _LONGEST_WAIT_S)
            self._claimed |= claim
        try:
            yield
        finally:
            with self._free:
                self._claimed -= claim
                self._free.notify_all()

    def write(self) -> None:
        """Writes what was noted."""
        with self._lock:
            (vectors, seconds), self._new = self._new, ({}, {})
        self._store.add(vectors)
        for way, each in seconds.items():
            self._store.add_seconds(way, each)

    def _put(self, vectors: Mapping[str, Floats]) -> None:
        with self._lock:
            some = next(iter(self._vectors.values()), None)
            if some is not None and some.nbytes * len(self._vectors) > _MOST_BYTES:
                self._vectors = {}  # whoever reads the old one goes on with it
            self._vectors.update(vectors)


@lru_cache(maxsize=8)
def _remembered(file: Path, extractor: str) -> Remembered:
    return Remembered(FeatureStore(file, extractor))


def remembered_of(context: LoadContext, extractor: str) -> Remembered:
    """What is known of an extractor, in `.merits/features.sqlite` in the task's folder: the same for all candidates."""
    return _remembered(Path(context.folder).absolute() / ".merits" / "features.sqlite", extractor)


class KnownVectors(Generic[T]):
    """A function from things, and whether they are learned from, to their vectors, shape (things, dimensions).

    Whoever learns gets what anybody computed before; `to_learn` computes the rest. Whoever answers computes anew
    (`to_answer`), or the second candidate would look faster than it is. Only in a trial of a search (`context.trial`)
    is an answer made of what is known, once that was computed for an answer before, in the same way (`together` at a
    time) and on this machine: the seconds that took are then the answer's (`remembered`), and looking up is not.

    >>> import tempfile
    >>> context = LoadContext(folder=Path(tempfile.mkdtemp()), env={}, trial=True)
    >>> asked = []
    >>> def lengths(texts):
    ...     asked.extend(texts)
    ...     return np.array([[len(text)] for text in texts], np.float32)
    >>> vectors = KnownVectors(remembered_of(context, "lengths"), str, lengths, lengths, together=1, trial=True)
    >>> vectors(["a", "bb"], True).tolist(), vectors(["bb"], False).tolist(), vectors(["bb"], False).tolist(), asked
    ([[1.0], [2.0]], [[2.0]], [[2.0]], ['a', 'bb', 'bb'])
    """

    def __init__(
        self,
        known: Remembered,
        key_of: Callable[[T], str],
        to_learn: Compute[T],
        to_answer: Compute[T],
        *,
        together: int,
        trial: bool,
    ) -> None:
        self._known = known
        self._key_of = key_of
        self._to_learn = to_learn
        self._to_answer = to_answer
        self._way = f"{together} at a time"
        self._trial = trial

    def __call__(self, things: Sequence[T], training: bool) -> Floats:
        """The vectors, in the order of the things."""
        if training:
            return self._learned(things)
        if self._trial:
            return self._looked_up(things)
        return np.asarray(self._to_answer(things), np.float32)

    def __deepcopy__(self, memo: object) -> KnownVectors[T]:
        """Itself: what scikit-learn copies knows the same."""
        return self

    def close(self) -> None:
        """Writes down what was measured."""
        self._known.write()

    def _learned(self, things: Sequence[T]) -> Floats:
        keys = [self._key_of(thing) for thing in things]
        found = self._known.vectors(keys)
        lacking = [key for key in keys if key not in found]
        if lacking:
            with self._known.mine("learned from", lacking):  # folds that go side by side need the same
                found |= self._known.vectors(lacking)
                new = {key: thing for key, thing in zip(keys, things, strict=True) if key not in found}
                if new:
                    made = np.asarray(self._to_learn(list(new.values())), np.float32)
                    computed = dict(zip(new, made, strict=True))
                    self._known.keep(computed)
                    found |= computed
        return np.stack([found[key] for key in keys])

    def _looked_up(self, things: Sequence[T]) -> Floats:
        start = time.perf_counter()
        keys = [self._key_of(thing) for thing in things]
        found = self._with_seconds(keys)
        if found is None:
            with self._known.mine(self._way, keys):  # trials that go side by side ask the same
                found = self._with_seconds(keys) or self._computed(things, keys)
        vectors, seconds = found
        remembered.add(seconds - (time.perf_counter() - start))
        return vectors

    def _with_seconds(self, keys: Sequence[str]) -> tuple[Floats, float] | None:
        """The vectors of these and the seconds they took, where both are known of all."""
        seconds = self._known.seconds(self._way, keys)
        if not keys or any(key not in seconds for key in keys):
            return None
        found = self._known.vectors(keys)
        if any(key not in found for key in keys):
            return None
        return np.stack([found[key] for key in keys]), sum(seconds[key] for key in keys)

    def _computed(self, things: Sequence[T], keys: Sequence[str]) -> tuple[Floats, float]:
        begun = time.perf_counter()
        vectors = np.asarray(self._to_answer(things), np.float32)
        seconds = time.perf_counter() - begun
        shares = dict.fromkeys(keys, seconds / max(len(keys), 1))
        self._known.note(self._way, shares, dict(zip(keys, vectors, strict=True)))
        return vectors, seconds
