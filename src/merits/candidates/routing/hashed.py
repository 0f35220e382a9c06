"""TF-IDF of words and pairs of words in hashed buckets, so that a linear score of a text fits into a recipe.

A word is two or more letters or digits, in lower case, as in scikit-learn. Buckets that no example filled are left out,
as words outside a vocabulary are. What is empty packs to nearly nothing: 1,500 questions take some 50 kB.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUCKETS", "HashedText", "buckets_of", "packed", "rounded", "unpacked"]

BUCKETS = 1 << 18
_WORD = re.compile(r"\b\w\w+\b")
_IDF_STEP = 1.0 / 20.0  # of an inverse document frequency, which lies between 1 and 13
_FINEST = 127.0


def buckets_of(text: str) -> Mapping[int, int]:
    """How often each bucket is filled by a word or a pair of words of a text.

    >>> sum(buckets_of("to be or not to be").values())
    11
    """
    words = _WORD.findall(text.lower())
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    return Counter(zlib.crc32(term.encode()) % BUCKETS for term in (*words, *pairs))


@dataclass(frozen=True)
class HashedText:
    """A linear score of a text for each of several outputs.

    `idf` has shape (BUCKETS,), 0 where a bucket is left out; `coefficients` (outputs, BUCKETS).
    """

    idf: NDArray[np.float64]
    coefficients: NDArray[np.float64]

    def scores(self, text: str) -> NDArray[np.float64]:
        """The scores of a text (outputs,): the coefficients times its TF-IDF, which has length 1."""
        counts = buckets_of(text)
        at = np.fromiter(counts.keys(), np.int64, len(counts))
        values = np.fromiter(counts.values(), np.float64, len(counts)) * self.idf[at]
        length = float(np.sqrt((values * values).sum()))
        if length == 0.0:
            return np.zeros(len(self.coefficients))
        return np.asarray((self.coefficients[:, at] * values).sum(axis=1) / length)


def rounded(at: NDArray[np.integer], idf: NDArray[np.float64], coefficients: NDArray[np.float64]) -> HashedText:
    """A score with numbers of 8 bits, which is what `packed` writes down, from those of the buckets `at`."""
    scales = _scales(coefficients)[:, None]
    found = HashedText(np.zeros(BUCKETS), np.zeros((len(coefficients), BUCKETS)))
    found.idf[at] = np.clip(np.rint(idf / _IDF_STEP), 0, 255) * _IDF_STEP
    found.coefficients[:, at] = np.rint(coefficients / scales) * scales
    return found


def packed(score: HashedText) -> tuple[str, list[float]]:
    """The score in 8 bits a number, without the empty buckets, as text; and the scale of each output's coefficients.

    >>> idf, coefficients = np.zeros(BUCKETS), np.zeros((1, BUCKETS))
    >>> idf[7], coefficients[0, 7] = 2.0, -0.5
    >>> back = unpacked(*packed(HashedText(idf, coefficients)))
    >>> float(back.idf[7]), float(back.coefficients[0, 7])
    (2.0, -0.5)
    """
    scales = _scales(score.coefficients)
    idf = np.clip(np.rint(score.idf / _IDF_STEP), 0, 255).astype(np.uint8)
    at = np.flatnonzero(idf)
    coefficients = np.rint(score.coefficients[:, at] / scales[:, None]).astype(np.int8)
    gaps = np.diff(at, prepend=0).astype("<u4").view(np.uint8).reshape(-1, 4).T  # high bytes together: all zeros
    data = zlib.compress(gaps.tobytes() + idf[at].tobytes() + coefficients.tobytes(), 9)
    return base64.b85encode(data).decode("ascii"), [float(scale) for scale in scales]


def unpacked(text: str, scales: Sequence[float]) -> HashedText:
    """What `packed` packed; ValueError for anything else."""
    unzip, each = zlib.decompressobj(), 5 + len(scales)
    try:
        data = unzip.decompress(base64.b85decode(text), BUCKETS * each)
    except (ValueError, zlib.error) as problem:
        raise ValueError(f"it is no packed score of texts: {problem}") from None
    if not unzip.eof:
        raise ValueError("it is no packed score of texts: something is missing at its end")
    n, odd = divmod(len(data), each)
    gaps = np.frombuffer(data, np.uint8, 4 * n).reshape(4, n).T.copy().view("<u4").ravel()
    at = np.cumsum(gaps, dtype=np.int64)
    if odd or (n and int(at[-1]) >= BUCKETS):
        raise ValueError(f"it is no packed score of texts with {len(scales)} outputs")
    idf, coefficients = np.zeros(BUCKETS), np.zeros((len(scales), BUCKETS))
    idf[at] = np.frombuffer(data, np.uint8, n, 4 * n) * _IDF_STEP
    coefficients[:, at] = np.frombuffer(data, np.int8, offset=5 * n).reshape(len(scales), n)
    return HashedText(idf, coefficients * np.asarray(scales)[:, None])


def _scales(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(np.abs(coefficients).max(axis=1, initial=0.0), 1e-12) / _FINEST)
