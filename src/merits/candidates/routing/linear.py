"""A weighted sum of features that stands in a recipe as plain numbers. Knows nothing about what it predicts."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["weighted"]


def weighted(weights: Sequence[float], features: Sequence[float]) -> float:
    """The intercept (the first weight) plus the sum of each other weight times its feature.

    >>> weighted([0.5, 2.0, -1.0], [1.0, 3.0])
    -0.5
    """
    total = weights[0]
    for weight, feature in zip(weights[1:], features, strict=True):
        total += weight * feature
    return total
