"""What texts are about: subjects that are found in the texts of `dev`, so that a shift from one to others is seen.

Words that stand in the same texts lie near each other (latent semantic analysis: Deerwester et al. 1990); texts are
gathered around so many directions there (spherical k-means: Dhillon & Modha 2001, doi:10.1023/A:1007612920971). What is
kept is one weight a word and subject: a text is about the subject that its words weigh for most. Microseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from merits.core.reference import Topics

__all__ = ["NO_TOPIC", "Reader", "pairs_of", "topics_of"]

NO_TOPIC = "(none)"  # of a text without any word that is known
_FEWEST, _PER_TOPIC, _MOST_TOPICS = 48, 8, 32  # texts, texts a subject, subjects
_MOST_TEXTS, _MOST_WORDS = 4_000, 6_000
_DIMENSIONS, _STARTS, _ROUNDS = 64, 4, 25
_IN_A_NAME = 3  # words
_BITS = 32

Floats = NDArray[np.float64]


class Reader:
    """Says what a text is about, by its words."""

    def __init__(self, topics: Topics) -> None:
        self._at = {word: number for number, word in enumerate(topics.words)}
        self._names = topics.names
        self._content = topics.weights

    @cached_property
    def _weights(self) -> NDArray[np.int32]:
        return np.frombuffer(self._content, np.int8).reshape(len(self._at), -1).astype(np.int32)

    def __call__(self, words: Sequence[str]) -> str:
        """The name of the subject; `NO_TOPIC` where no word is known."""
        at = self._at
        known = [number for word in words if (number := at.get(word)) is not None]
        return self._names[np.add.reduce(self._weights.take(known, 0)).argmax()] if known else NO_TOPIC


def topics_of(texts: Sequence[Sequence[str]], seed: int = 0) -> Topics | None:
    """The subjects of some texts, each given as its words; None for fewer than 48 texts, or where nothing stands out.

    The same texts give the same subjects. A subject is named by the words that stand out in its texts; only words that
    two texts have are used.
    """
    rng = np.random.default_rng(seed)
    if len(texts) > _MOST_TEXTS:
        texts = [texts[number] for number in np.sort(rng.permutation(len(texts))[:_MOST_TEXTS])]
    counts = Counter(word for text in texts for word in set(text))
    words = sorted((word for word, n in counts.items() if n > 1), key=lambda word: (-counts[word], word))[:_MOST_WORDS]
    k = min(_MOST_TOPICS, len(texts) // _PER_TOPIC)
    if len(texts) < _FEWEST or len(words) <= k:
        return None
    at = {word: number for number, word in enumerate(words)}
    rare = np.log((1.0 + len(texts)) / (1.0 + np.array([counts[word] for word in words]))) + 1.0
    table = _table(texts, at, rare)
    axes = _axes(table)
    places = _unit(table @ axes)
    places = places[np.linalg.norm(places, axis=1) > 0.0]
    centres = _centres(places, k, rng)
    weights = rare[:, None] * (axes @ centres.T)
    found = np.clip(np.rint(weights * (127.0 / np.abs(weights).max())), -127, 127).astype(np.int8)
    made = Topics(words=tuple(words), names=tuple(map(str, range(k))), weights=found.tobytes())
    about = list(map(int, map(Reader(made), ([word for word in text if word in at] or words[:1] for text in texts))))
    return Topics(words=made.words, names=_names(texts, about, words, k), weights=made.weights)


def pairs_of(words: Sequence[str]) -> list[int]:
    """The words of a text two by two, each pair as a number of 32 bits.

    >>> len(pairs_of(["where", "is", "my", "card"])), pairs_of(["card"])
    (3, [])
    """
    codes = [_code(word) for word in words]
    return [(31 * first + second) & (2**_BITS - 1) for first, second in pairwise(codes)]


@lru_cache(maxsize=50_000)
def _code(word: str) -> int:
    return crc32(word.encode("utf-8", "surrogatepass"))


def _table(texts: Sequence[Sequence[str]], at: dict[str, int], rare: Floats) -> Floats:
    """How much each text has of each word (texts, words), by tf-idf; rows are unit vectors."""
    found = np.zeros((len(texts), len(at)), np.float32)
    for row, text in enumerate(texts):
        for word in text:
            if (number := at.get(word)) is not None:
                found[row, number] += rare[number]
    return _unit(found)


def _axes(table: Floats) -> Floats:
    """The directions (words, dimensions) in which texts differ most."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import svds

    k = min(_DIMENSIONS, min(table.shape) - 1)
    start = np.ones(min(table.shape))  # else drawn at random
    _, _, axes = svds(csr_matrix(table.astype(np.float64)), k=k, v0=start)
    return np.asarray(axes.T)


def _centres(places: Floats, k: int, rng: np.random.Generator) -> Floats:
    """The best of several spherical k-means: unit vectors (k, dimensions)."""

    def once() -> tuple[float, Floats]:
        centres = _first(places, k, rng)
        for _ in range(_ROUNDS):
            near = (places @ centres.T).argmax(axis=1)
            sums = np.zeros_like(centres)
            np.add.at(sums, near, places)
            empty = np.linalg.norm(sums, axis=1) == 0.0
            centres = np.where(empty[:, None], centres, _unit(sums))
        return float((places @ centres.T).max(axis=1).sum()), centres

    return max((once() for _ in range(_STARTS)), key=lambda one: one[0])[1]


def _first(places: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Where k-means begins: far from each other (k-means++: Arthur & Vassilvitskii 2007)."""
    found = [places[rng.integers(len(places))]]
    nearest = places @ found[0]
    for _ in range(k - 1):
        far = np.maximum(1.0 - nearest, 0.0)
        total = float(far.sum())
        at = rng.choice(len(places), p=far / total) if total > 0.0 else rng.integers(len(places))
        found.append(places[at])
        nearest = np.maximum(nearest, places @ found[-1])
    return np.array(found)


def _unit(rows: NDArray[Any]) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0.0, length, 1.0))


def _names(texts: Sequence[Sequence[str]], about: Sequence[int], words: Sequence[str], k: int) -> tuple[str, ...]:
    """Each subject by the words that are oftener in its texts than in others; no two have the same name."""
    whole = Counter(word for text in texts for word in set(text))
    found: list[str] = []
    for number in range(k):
        mine = [set(text) for text, one in zip(texts, about, strict=True) if one == number]
        here = Counter(word for text in mine for word in text)

        def stands_out(word: str, here: Counter[str] = here, n: int = max(len(mine), 1)) -> float:
            share = here[word] / n
            return share * max(0.0, float(np.log(max(share, 1e-9) * len(texts) / whole[word]))) ** 2

        best = sorted((w for w in words if w in here), key=lambda word: (-stands_out(word), word))
        name = ", ".join(best[:_IN_A_NAME]) or f"topic {number + 1}"
        found.append(name if name not in found else f"{name} ({number + 1})")
    return tuple(found)
