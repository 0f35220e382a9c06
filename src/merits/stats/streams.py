"""Many streams watched at once: how often any of them may be accused, and what e-values of several say together.

An e-value is what a bet against "nothing changed" has won of a unit of money: its mean is at most 1 while that is true.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from merits.stats.critical import Bools, Floats

__all__ = ["alphas", "e_bh", "merged"]


def alphas(weights: Sequence[float], alpha: float = 0.05) -> Floats:
    """What each stream may err, of what all may together: alpha in proportion to positive weights (Bonferroni).

    The probability that any unchanged stream is ever accused is at most `alpha`, however the streams depend on each
    other. Streams that say one thing together (the dimensions of an embedding) share the weight of one.

    >>> alphas([2.0, 1.0, 1.0]).tolist()
    [0.025, 0.0125, 0.0125]
    """
    shares = np.asarray(weights, np.float64)
    return np.asarray(alpha * shares / shares.sum())


def e_bh(e_values: ArrayLike, alpha: float = 0.05) -> Bools:
    """Which of several e-values are discoveries, so that at most a share alpha of them is expected to be false.

    Wang & Ramdas (2022), "False discovery rate control with e-values", doi:10.1111/rssb.12489: the k largest where the
    k-th is at least n/(k·alpha), whatever the dependence. For a list of what moved, at one look; not for alarms.

    >>> e_bh([1000.0, 50.0, 0.3, 1.0]).tolist()
    [True, True, False, False]
    """
    values = np.asarray(e_values, np.float64)
    n = len(values)
    order = np.argsort(-values, kind="stable")
    enough = np.flatnonzero(values[order] * alpha * np.arange(1, n + 1) >= n)
    found = np.zeros(n, np.bool_)
    found[order[: enough[-1] + 1] if len(enough) else []] = True
    return found


def merged(e_values: ArrayLike, weights: ArrayLike | None = None) -> float:
    """One e-value against "nothing at all changed": the (weighted) mean, valid whatever the dependence.

    Vovk & Wang (2021), "E-values: Calibration, combination and applications", doi:10.1214/20-AOS2020: no symmetric
    rule that is valid for all dependences does better. 1 for none.

    >>> merged([40.0, 0.5, 1.5])
    14.0
    """
    values = np.asarray(e_values, np.float64)
    if not len(values):
        return 1.0
    shares = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    return float(values @ shares / shares.sum())
