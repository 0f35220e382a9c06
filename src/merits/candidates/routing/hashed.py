"""TF-IDF of words and pairs of words in hashed buckets, so that a linear score of a text fits into a recipe.

A word is two or more letters or digits, in lower case, as in scikit-learn. Buckets that no example filled are left out,
as words outside a vocabulary are. With 2^15 buckets the correlation of the predicted gain with the true one stays that
of an exact vocabulary (`tests/improving/test_gains.py`).
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUCKETS", "HashedText", "buckets_of", "packed", "unpacked"]

BUCKETS = 1 << 15
_WORD = re.compile(r"\b\w\w+\b")
_IDF_STEP = 1.0 / 20.0  # of an inverse document frequency, which lies between 1 and 13
_FINEST = 127.0


def buckets_of(text: str) -> Mapping[int, int]:
    """How often each bucket is filled by a word or a pair of words of a text.

    >>> sum(buckets_of("to be or not to be").values())
    11
    """
    words = _WORD.findall(text.lower())
    pairs = [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]
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


def packed(score: HashedText) -> tuple[str, list[float]]:
    """The score in 8 bits a number, compressed, as text; and the scale of each output's coefficients.

    >>> idf, coefficients = np.zeros(BUCKETS), np.zeros((1, BUCKETS))
    >>> idf[7], coefficients[0, 7] = 2.0, -0.5
    >>> back = unpacked(*packed(HashedText(idf, coefficients)))
    >>> float(back.idf[7]), float(back.coefficients[0, 7])
    (2.0, -0.5)
    """
    scales = np.maximum(np.abs(score.coefficients).max(axis=1), 1e-12) / _FINEST
    idf = np.clip(np.rint(score.idf / _IDF_STEP), 0, 255).astype(np.uint8)
    coefficients = np.rint(score.coefficients / scales[:, None]).astype(np.int8)
    data = zlib.compress(idf.tobytes() + coefficients.tobytes(), 9)
    return base64.b85encode(data).decode("ascii"), [float(scale) for scale in scales]


def unpacked(text: str, scales: Sequence[float]) -> HashedText:
    """What `packed` packed; ValueError for anything else."""
    size = BUCKETS * (1 + len(scales))
    try:
        unzip = zlib.decompressobj()
        data = unzip.decompress(base64.b85decode(text), size)
    except (ValueError, zlib.error, binascii.Error) as problem:
        raise ValueError(f"it is no packed score of texts: {problem}") from None
    if len(data) != size:
        raise ValueError(f"it holds {len(data):,} bytes, and {len(scales)} scores take {size:,}")
    idf = np.frombuffer(data, np.uint8, BUCKETS) * _IDF_STEP
    raw = np.frombuffer(data, np.int8, offset=BUCKETS).reshape(len(scales), BUCKETS)
    return HashedText(idf, raw * np.asarray(scales)[:, None])
