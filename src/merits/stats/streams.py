"""Many streams watched at once: how often any of them may be accused.

Why alpha is shared out, and no better: an alarm of any stream must be a rare thing for all of them together (family-
wise), which a false discovery rate does not promise. The mean of what several streams won would need less, but each
wins against its own past only; at a time that is chosen by looking at all of them such a mean may be worth more than 1
(Choe & Ramdas 2024, "Combining evidence across filtrations", arXiv 2402.09698).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merits.stats.critical import Floats

__all__ = ["alphas"]


def alphas(weights: Sequence[float], alpha: float = 0.05) -> Floats:
    """What each stream may err, of what all may together: alpha in proportion to positive weights (Bonferroni).

    The probability that any unchanged stream is ever accused is at most `alpha`, however the streams depend on each
    other. Streams that say one thing together (the dimensions of an embedding) share the weight of one.

    >>> alphas([2.0, 1.0, 1.0]).tolist()
    [0.025, 0.0125, 0.0125]
    """
    shares = np.asarray(weights, np.float64)
    return np.asarray(alpha * shares / shares.sum())
