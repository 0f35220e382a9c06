"""Measures of a set of pictures beside the set that was wanted, as functions of sums: FID, KID, diversity.

A picture comes as a vector x of 16 features (`seen.reduced`), so what these measures need of a set fits into a few
columns: FID is made of the sums of x and of its products, KID of the sums of all products of up to three. So whatever
holds for sums over answers (intervals by resampling, paired differences, whole groups) holds for them.

The blank page is the origin of the features: a question that was not answered counts as a blank page.
"""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DIMENSIONS",
    "DIVERSITY_COLUMNS",
    "FID_COLUMNS",
    "KID_COLUMNS",
    "as_blank_in_fid",
    "as_blank_in_kid",
    "diversity_counts",
    "diversity_of",
    "fid_counts",
    "fid_of",
    "kid_counts",
    "kid_of",
    "without_picture",
]

Floats = NDArray[np.float64]
DIMENSIONS = 16
_PAIRS = DIMENSIONS * (DIMENSIONS + 1) // 2
_MOMENTS = DIMENSIONS + _PAIRS
_MONOMIALS = math.comb(DIMENSIONS + 3, 3)
FID_COLUMNS = 1 + 2 * _MOMENTS
KID_COLUMNS = 1 + 2 * (_MONOMIALS + 1)
DIVERSITY_COLUMNS = 2 * (2 + DIMENSIONS)


def fid_counts(answered: Floats, wanted: Floats) -> Floats:
    """What one answer adds: 1, its features and their products, those of the wanted picture; shape (305,)."""
    return np.concatenate([[1.0], _moments(answered), _moments(wanted)])


def fid_of(sums: Floats) -> Floats:
    """The Fréchet distance between the normal distributions with the means and covariances of both sets; >= 0.

    |m - m'|² + tr(C + C' - 2 (C C')^½), Heusel et al. (2017), arXiv 1706.08500; covariances with n - 1, as usual. nan
    for fewer than two pictures. Not guaranteed: that it is unbiased. It grows as pictures get fewer (about as 1/n,
    Chong & Forsyth 2020, arXiv 1911.07023): compare it at the same number of pictures only.
    """
    n = sums[..., 0]
    answered = _normal(n, sums[..., 1 : 1 + _MOMENTS])
    wanted = _normal(n, sums[..., 1 + _MOMENTS :])
    apart = ((answered[0] - wanted[0]) ** 2).sum(axis=-1)
    root = _root(answered[1])
    products = np.linalg.eigvalsh(root @ wanted[1] @ root)  # as many as those of C C', and never complex
    traces = np.trace(answered[1] + wanted[1], axis1=-2, axis2=-1)
    distance = apart + traces - 2.0 * np.sqrt(np.maximum(products, 0.0)).sum(axis=-1)
    return np.asarray(np.where(n > 1, np.maximum(distance, 0.0), math.nan))


def kid_counts(answered: Floats, wanted: Floats) -> Floats:
    """What one answer adds: 1, the products of up to three features and the kernel with itself, twice; (1941,)."""
    return np.concatenate([[1.0], _monomials(answered), _monomials(wanted)])


def kid_of(sums: Floats) -> Floats:
    """The squared maximum mean discrepancy with the kernel (x·y/16 + 1)³, unbiased: it may come out below 0.

    Bińkowski et al. (2018), arXiv 1801.01401, over all pairs of pictures instead of drawn subsets. nan for fewer than
    two pictures.
    """
    n = sums[..., 0]
    answered, own = sums[..., 1 : 1 + _MONOMIALS], sums[..., 1 + _MONOMIALS]
    wanted, theirs = sums[..., 2 + _MONOMIALS : -1], sums[..., -1]
    pairs = np.where(n > 1, n * (n - 1.0), 1.0)
    among = ((answered**2).sum(axis=-1) - own) / pairs + ((wanted**2).sum(axis=-1) - theirs) / pairs
    between = (answered * wanted).sum(axis=-1) / np.where(n > 0, n, 1.0) ** 2
    return np.asarray(np.where(n > 1, among - 2.0 * between, math.nan))


def diversity_counts(answered: Floats | None, wanted: Floats) -> Floats:
    """What one answer adds: 1, the features of the wanted picture, their square; 1, those of the answer's; (36,).

    Zeros for an answer without a picture: what is not there makes a set neither more nor less diverse.
    """
    seen = np.zeros(DIMENSIONS + 2) if answered is None else np.array([1.0, *answered, answered @ answered])
    return np.concatenate([[1.0], wanted, [wanted @ wanted], seen])


def diversity_of(sums: Floats) -> Floats:
    """How far the pictures lie apart, over how far the wanted ones do: 1 is as diverse as these, 0 all the same.

    The root of the mean squared distance over all pairs, in both sets. nan for fewer than two pictures in either.
    """
    wanted, answered = np.split(sums, 2, axis=-1)
    apart, ideal = _mean_square(answered), _mean_square(wanted)
    return np.asarray(np.sqrt(np.where(ideal > 0, apart / np.where(ideal > 0, ideal, 1.0), math.nan)))


def as_blank_in_fid(counts: Floats) -> Floats:
    """The counts with a blank page in the answer's place."""
    blank = np.array(counts, copy=True)
    blank[..., 1 : 1 + _MOMENTS] = 0.0
    return blank


def as_blank_in_kid(counts: Floats) -> Floats:
    """The counts with a blank page in the answer's place: of its products, only 1 · 1 · 1 is not 0."""
    blank = np.array(counts, copy=True)
    blank[..., 1 : 2 + _MONOMIALS] = _monomials(np.zeros(DIMENSIONS))
    return blank


def without_picture(counts: Floats) -> Floats:
    """The counts of diversity with no picture in the answer's place."""
    none = np.array(counts, copy=True)
    none[..., DIVERSITY_COLUMNS // 2 :] = 0.0
    return none


def _mean_square(sums: Floats) -> Floats:
    """The mean squared distance over all pairs, from n, the sum and the sum of squares."""
    n, total, squares = sums[..., 0], sums[..., 1:-1], sums[..., -1]
    pairs = np.where(n > 1, n * (n - 1.0), 1.0)
    mean = 2.0 * np.maximum(n * squares - (total**2).sum(axis=-1), 0.0) / pairs
    return np.asarray(np.where(n > 1, mean, math.nan))


def _moments(x: Floats) -> Floats:
    rows, columns = np.triu_indices(DIMENSIONS)
    return np.concatenate([x, x[rows] * x[columns]])


def _normal(n: Floats, moments: Floats) -> tuple[Floats, Floats]:
    """The mean (..., 16) and the covariance (..., 16, 16) from sums."""
    size = np.where(n > 1, n, 2.0)
    mean = moments[..., :DIMENSIONS] / size[..., None]
    products = np.empty((*moments.shape[:-1], DIMENSIONS, DIMENSIONS))
    rows, columns = np.triu_indices(DIMENSIONS)
    products[..., rows, columns] = products[..., columns, rows] = moments[..., DIMENSIONS:]
    scale = size[..., None, None]
    return mean, np.asarray((products - scale * mean[..., :, None] * mean[..., None, :]) / (scale - 1.0))


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :] @ np.swapaxes(vectors, -1, -2))


def _monomials(x: Floats) -> Floats:
    """Products of up to three of (1, x), scaled so that those of x and y multiply to (x·y/16 + 1)³; the kernel of x."""
    longer = np.concatenate([[1.0], x / math.sqrt(DIMENSIONS)])
    chosen, weights = _triples()
    found = longer[chosen].prod(axis=1) * weights
    return np.append(found, (1.0 + x @ x / DIMENSIONS) ** 3)


@cache
def _triples() -> tuple[NDArray[np.intp], Floats]:
    """All triples with repetition of 17 things, and the root of how often each occurs in a third power."""
    triples = list(itertools.combinations_with_replacement(range(DIMENSIONS + 1), 3))
    often = [6 / math.prod(math.factorial(triple.count(one)) for one in set(triple)) for triple in triples]
    return np.array(triples), np.sqrt(np.array(often))
