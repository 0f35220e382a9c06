"""TF-IDF of words and pairs of words in hashed buckets, so that a linear score of a text fits into a recipe.

A word is two or more letters or digits, in lower case, as in scikit-learn. Buckets that no example filled are left out,
as words outside a vocabulary are. What is empty packs to nearly nothing: 1,500 questions take some 80 kB.
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

BUCKETS = 1 << 22  # of 30,000 filled ones a word that was never seen hits one in a hundred cases; of 2^18 in ten
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

    `at` (filled,) are the numbers of the buckets that count, rising; `idf` has shape (filled,), `coefficients`
    (outputs, filled).
    """

    at: NDArray[np.int64]
    idf: NDArray[np.float64]
    coefficients: NDArray[np.float64]

    def scores(self, text: str) -> NDArray[np.float64]:
        """The scores of a text (outputs,): the coefficients times its TF-IDF, which has length 1."""
        counts = buckets_of(text)
        idf, coefficients = self.of(np.fromiter(counts.keys(), np.int64, len(counts)))
        values = np.fromiter(counts.values(), np.float64, len(counts)) * idf
        length = float(np.sqrt((values * values).sum()))
        if length == 0.0:
            return np.zeros(len(self.coefficients))
        return np.asarray((coefficients * values).sum(axis=1) / length)

    def of(self, buckets: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The inverse document frequencies (buckets,) and the coefficients (outputs, buckets); 0 for those left out."""
        if not len(self.at):
            return np.zeros(len(buckets)), np.zeros((len(self.coefficients), len(buckets)))
        place = np.minimum(np.searchsorted(self.at, buckets), len(self.at) - 1)
        there = self.at[place] == buckets
        return self.idf[place] * there, self.coefficients[:, place] * there


def rounded(score: HashedText) -> HashedText:
    """The score with numbers of 8 bits, which is what `packed` writes down."""
    scales = _scales(score.coefficients)[:, None]
    return HashedText(
        score.at,
        np.clip(np.rint(score.idf / _IDF_STEP), 0, 255) * _IDF_STEP,
        np.rint(score.coefficients / scales) * scales,
    )


def packed(score: HashedText) -> tuple[str, list[float]]:
    """The score in 8 bits a number as text, and the scale of each output's coefficients.

    >>> back = unpacked(*packed(HashedText(np.array([7]), np.array([2.0]), np.array([[-0.5]]))))
    >>> int(back.at[0]), float(back.idf[0]), float(back.coefficients[0, 0])
    (7, 2.0, -0.5)
    """
    scales = _scales(score.coefficients)
    idf = np.clip(np.rint(score.idf / _IDF_STEP), 0, 255).astype(np.uint8)
    coefficients = np.rint(score.coefficients / scales[:, None]).astype(np.int8)
    gaps = np.diff(score.at, prepend=0).astype("<u4").view(np.uint8).reshape(-1, 4).T  # high bytes together: all zeros
    data = zlib.compress(gaps.tobytes() + idf.tobytes() + coefficients.tobytes(), 9)
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
    idf = np.frombuffer(data, np.uint8, n, 4 * n).astype(np.float64) * _IDF_STEP
    coefficients = np.frombuffer(data, np.int8, offset=5 * n).reshape(len(scales), n)
    return HashedText(at, idf, coefficients * np.asarray(scales)[:, None])


def _scales(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(np.abs(coefficients).max(axis=1, initial=0.0), 1e-12) / _FINEST)
