"""The protocol of RouteLLM for two candidates: how much of the gap is recovered at which share of calls to the strong.

Ong et al. (2024), arXiv 2406.18665: PGR(a) is the share of the gap in quality between the weak and the strong candidate
that is recovered when the share a goes to the strong one; APGR its area, CPT(x) the least a at which PGR is x.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from merits.improving.composing.gains import Learner, gains_of
from merits.improving.composing.learners import learners_of
from merits.improving.composing.pool import Pool
from merits.improving.composing.routing import foretold

__all__ = ["apgr", "best_learner", "cpt", "protocol", "recovered"]

Floats = NDArray[np.float64]
_FIRST = ("words and embedding", "words")  # in this order
_SURE = 2.0  # standard errors


def protocol(pool: Pool, labels: int, seeds: int) -> dict[str, dict[str, float]]:
    """APGR, CPT50 and CPT80 on the examples that were not learned from: of each way to learn, and of the chosen one.

    The weaker candidate on the learned examples is the weak one; a seed whose other examples hold no gap to recover
    does not count. `chosen` is what cross-validation on the learned examples picks of what looks at the text only.
    """
    labels = min(labels, pool.n // 2)
    runs: dict[str, list[list[float]]] = {}
    for seed in range(seeds):
        for name, of_run in _one_run(pool, labels, seed).items():
            runs.setdefault(name, []).append(of_run)
    found = {}
    for name, each in runs.items():
        mean, spread = np.mean(each, axis=0), np.std(each, axis=0)
        found[name] = {
            "apgr": round(float(mean[0]), 4),
            "apgr_spread": round(float(spread[0]), 4),
            "cpt50": round(float(mean[1]), 2),
            "cpt80": round(float(mean[2]), 2),
        }
        figures = f"APGR {mean[0]:.3f} ± {spread[0]:.3f}, CPT50 {mean[1]:.1f}, CPT80 {mean[2]:.1f}"
        print(f"{name}, {labels} labels: {figures}", flush=True)
    if not found:
        print("neither of the two is better, so there is no gap to recover", file=sys.stderr)
    return found


def _one_run(pool: Pool, labels: int, seed: int) -> dict[str, list[float]]:
    """APGR, CPT50 and CPT80 of each way, learned from examples that the seed draws; {} where there is no gap."""
    order = np.random.default_rng(seed).permutation(pool.n)
    fit, held = pool.rows(order[:labels]), pool.rows(order[labels:])
    sign = 1.0 if gains_of(fit).mean() >= 0.0 else -1.0
    gains = sign * gains_of(held)[0]
    if gains.sum() <= 0.0:
        return {}
    learners = learners_of(fit)
    scores = {name: sign * learner(fit).on(held)[0] for name, learner in learners.items()}
    by_text = {name: one for name, one in learners.items() if not name.startswith("the column")}
    assert held.texts is not None, "the protocol is one of texts"
    scores["prompt length, nothing learned"] = held.texts.lengths
    scores["chosen from the text"] = scores[best_learner(fit, by_text)]
    scores["random"] = np.random.default_rng(seed).random(held.n)
    return {name: [apgr(each, gains), cpt(each, gains, 0.5), cpt(each, gains, 0.8)] for name, each in scores.items()}


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
    paired, and another way must beat words (with the embedding, where it is known) by two standard errors of the
    difference. On pairs of classifiers of real texts, 10 seeds each, that lost against always taking the words none of
    APGR with 1,500 labels (seven pairs) and .003 with 300 (four); with one standard error it was .0002 and .006, and
    whatever cross-validates best lost .007 and .015.
    """
    gains = gains_of(pool)[0]
    centred = gains - gains.mean()
    shares = {}
    for name, learner in learners.items():
        ranks = np.argsort(np.argsort(foretold(pool, learner)[0], kind="stable"), kind="stable")
        shares[name] = (ranks / len(ranks) - 0.5) * centred
    best = max(shares, key=lambda name: float(shares[name].mean()))
    first = next((name for name in _FIRST if name in shares), best)
    more = shares[best] - shares[first]
    return best if float(more.mean()) > _SURE * float(more.std()) / len(more) ** 0.5 else first
