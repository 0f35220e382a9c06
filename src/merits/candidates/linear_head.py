"""The linear classifier that stands on top of features, whatever these are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

__all__ = ["linear_head"]


def linear_head(*, strength: float, balanced: bool, seed: int) -> LogisticRegression:
    """An unfitted multinomial logistic regression; `strength` is the inverse of its L2 regularisation."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=strength, class_weight="balanced" if balanced else None, max_iter=2000, random_state=seed
    )
