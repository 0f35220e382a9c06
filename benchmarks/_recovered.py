"""The protocol of RouteLLM for two candidates: how much of the gap is recovered at which share of calls to the strong.

Ong et al. (2024), arXiv 2406.18665: PGR(a) is the share of the gap in quality between the weak and the strong candidate
that is recovered when the share a goes to the strong one; APGR its area, CPT(x) the least a at which PGR is x.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from merits.improving.composing.gains import Learner, gains_of
from merits.improving.composing.pool import Pool
from merits.improving.composing.routing import foretold

__all__ = ["apgr", "best_learner", "cpt", "recovered"]

Floats = NDArray[np.float64]
_FIRST = "words"


def recovered(scores: Floats, gains: Floats) -> Floats:
    """The share of the gap that is recovered when the first 0, 1, ... n rows by falling score go to the strong one.

    Rows of one score share what they gain.

    >>> recovered(np.array([0.1, 0.9]), np.array([0.0, 1.0])).tolist()
    [0.0, 1.0, 1.0]
    """
    _, codes, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    shared = np.bincount(codes, gains) / counts
    return np.asarray(np.r_[0.0, np.cumsum(shared[np.sort(codes)])] / gains.sum())


def apgr(scores: Floats, gains: Floats) -> float:
    """The area under the recovered gap: 0.5 for chance, in expectation.

    >>> apgr(np.zeros(4), np.array([0.0, 1.0, 0.0, 1.0]))
    0.5
    """
    curve = recovered(scores, gains)
    return float((curve[1:] + curve[:-1]).mean() / 2.0)


def cpt(scores: Floats, gains: Floats, share: float) -> float:
    """The least share of calls to the strong one, in percent, that recovers this share of the gap.

    >>> cpt(np.array([3.0, 2.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0]), 0.5)
    25.0
    """
    curve = recovered(scores, gains)
    return 100.0 * int(np.argmax(curve >= share - 1e-12)) / (len(curve) - 1)


def best_learner(pool: Pool, learners: Mapping[str, Learner]) -> str:
    """The name of the way to learn that routes best on rows it did not learn from; words, where none is surely better.

    APGR - 1/2 is, up to a factor, the mean of (rank of the score - its mean) times (gain - its mean): rows can be
    paired, and another way must beat words by one standard error of the difference.
    """
    gains = gains_of(pool)[0]
    centred = gains - gains.mean()
    shares = {}
    for name, learner in learners.items():
        ranks = np.argsort(np.argsort(foretold(pool, learner)[0], kind="stable"), kind="stable")
        shares[name] = (ranks / len(ranks) - 0.5) * centred
    best = max(shares, key=lambda name: float(shares[name].mean()))
    if _FIRST not in shares or best == _FIRST:
        return best
    more = shares[best] - shares[_FIRST]
    return best if float(more.mean()) > float(more.std()) / len(more) ** 0.5 else _FIRST
