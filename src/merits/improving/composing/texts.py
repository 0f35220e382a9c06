"""What a router sees of the inputs: hashed words and pairs of words, and the surface, for all rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from merits.candidates.routing.hashed import buckets_of
from merits.candidates.routing.surface import SURFACE, surface
from merits.candidates.texts import as_text, prose_of
from merits.core.errors import MissingExtra
from merits.core.identity import JSON
from merits.reading.languages import detector

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Texts", "texts_of"]


@dataclass(frozen=True)
class Texts:
    """Counts of the filled `buckets` (rows, buckets), sparse; the surface (rows, 17); the characters (rows,).

    `languages` (rows,) are the languages, None where nothing is installed that tells them.
    """

    buckets: NDArray[np.int64]
    counts: csr_matrix
    surface: NDArray[np.float64]
    lengths: NDArray[np.float64]
    languages: NDArray[np.str_] | None = None

    def rows(self, rows: NDArray[np.integer]) -> Texts:
        """The same of some rows."""
        languages = None if self.languages is None else self.languages[rows]
        return Texts(self.buckets, self.counts[rows], self.surface[rows], self.lengths[rows], languages)

    def tf_idf(self, idf: NDArray[np.float64]) -> csr_matrix:
        """Counts times the inverse document frequencies (buckets,), each row of length 1 or 0."""
        from scipy.sparse import diags

        weighted = self.counts @ diags(idf)
        squares = np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel()
        scale = 1.0 / np.sqrt(np.where(squares > 0.0, squares, 1.0))
        return (diags(scale) @ weighted).tocsr()

    def idf(self, least: int) -> NDArray[np.float64]:
        """ln((1 + n)/(1 + df)) + 1, as in scikit-learn; 0 for what stands in fewer texts than `least`."""
        in_texts = np.bincount(self.counts.indices, minlength=len(self.buckets))
        n = self.counts.shape[0]
        return np.where(in_texts >= max(least, 1), np.log((1.0 + n) / (1.0 + in_texts)) + 1.0, 0.0)


def texts_of(inputs: Sequence[JSON]) -> Texts:
    """What is seen of these inputs, as text.

    >>> texts_of(["to be or not", ""]).counts.sum(axis=1).ravel().tolist()
    [[7.0, 0.0]]
    """
    from scipy.sparse import csr_matrix

    texts = [as_text(each) for each in inputs]
    found = [buckets_of(text) for text in texts]
    ends = np.cumsum([0, *map(len, found)])
    filled = np.fromiter((bucket for each in found for bucket in each), np.int64, int(ends[-1]))
    buckets, columns = np.unique(filled, return_inverse=True)
    counts = np.fromiter((count for each in found for count in each.values()), np.float64, int(ends[-1]))
    return Texts(
        buckets,
        csr_matrix((counts, columns, ends), shape=(len(texts), len(buckets))),
        np.array([surface(text) for text in texts]).reshape(len(texts), len(SURFACE)),
        np.array([len(text) for text in texts], np.float64),
        _languages([prose_of(each) for each in inputs]),
    )


def _languages(texts: Sequence[str]) -> NDArray[np.str_] | None:
    try:
        detect = detector()
    except MissingExtra:
        return None
    return np.array([detect(text) for text in texts], np.str_)
