"""Learning from probabilities of labels instead of one label each ("soft targets").

Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network", arXiv 1503.02531. Knows nothing about
where the probabilities are from, and about what learns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Soft", "at_temperature", "likeliest", "soft_loss", "soft_of", "weighted"]

Floats = NDArray[np.float64]
_LEAST = 0.01  # shares below this are left out: each is one more row to learn from, and weighs nothing


@dataclass(frozen=True)
class Soft:
    """The shares of labels in each example, shape (examples, labels), rows sum to 1, at a temperature."""

    labels: tuple[str, ...]
    shares: Floats
    temperature: float = 1.0

    @property
    def codes(self) -> NDArray[np.int64]:
        """The number of the likeliest label of each example."""
        return np.asarray(self.shares.argmax(axis=1), np.int64)


def soft_of(shares: Sequence[Mapping[str, float]], temperature: float = 1.0) -> Soft:
    """The table of the shares of labels; what is not in a mapping has none.

    >>> soft_of([{"b": 1.0}, {"a": 3.0, "b": 1.0}]).shares.tolist()
    [[0.0, 1.0], [0.75, 0.25]]
    """
    labels = tuple(sorted({label for row in shares for label, share in row.items() if share > 0}))
    table = np.array([[max(row.get(label, 0.0), 0.0) for label in labels] for row in shares], np.float64)
    table = table.reshape(len(shares), len(labels))
    return Soft(labels, table / table.sum(axis=1, keepdims=True), temperature)


def at_temperature(shares: Mapping[str, float], temperature: float) -> dict[str, float]:
    """The shares at a temperature: above 1 softer, below 1 sharper; p^(1/T), which is what dividing logits comes to.

    >>> {label: round(share, 2) for label, share in at_temperature({"a": 0.9, "b": 0.1}, 2).items()}
    {'a': 0.75, 'b': 0.25}
    """
    if temperature == 1.0:
        return dict(shares)
    highest = max(shares.values(), default=0.0)
    if highest <= 0:
        return dict(shares)
    raised = {label: (max(share, 0.0) / highest) ** (1.0 / temperature) for label, share in shares.items()}
    total = sum(raised.values())
    return {label: share / total for label, share in raised.items()}


def likeliest(shares: Mapping[str, float]) -> str:
    """The label with the largest share; of several the first by name.

    >>> likeliest({"b": 0.4, "a": 0.4, "c": 0.2})
    'a'
    """
    return min(shares, key=lambda label: (-shares[label], label))


def weighted(soft: Soft, parts: int | None = None) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """What comes to the same for a learner of single labels: each example once for each of its labels, with a weight.

    Returns the number of the example, of the label, and the weight of each such row; the weights of an example sum to
    1. For a learner that takes no weights, in `parts` copies of each example, shared out by largest remainders: all
    weights are 1.

    >>> rows, labels, weights = weighted(soft_of([{"a": 0.7, "b": 0.3}]))
    >>> labels.tolist(), weights.tolist()
    ([0, 1], [0.7, 0.3])
    >>> weighted(soft_of([{"a": 0.7, "b": 0.3}]), parts=3)[1].tolist()
    [0, 0, 1]
    """
    if parts is not None:
        counts = np.floor(soft.shares * parts)
        left = parts - counts.sum(axis=1).astype(int)
        order = np.argsort(-(soft.shares * parts - counts), axis=1, kind="stable")
        for row, missing in enumerate(left):
            counts[row, order[row, :missing]] += 1
        rows, labels = np.nonzero(counts)
        repeats = counts[rows, labels].astype(int)
        return np.repeat(rows, repeats), np.repeat(labels, repeats), np.ones(int(repeats.sum()))
    kept = np.where(soft.shares >= min(_LEAST, 1.0 / max(len(soft.labels), 1)), soft.shares, 0.0)
    kept = kept / kept.sum(axis=1, keepdims=True)
    rows, labels = np.nonzero(kept)
    return rows, labels, kept[rows, labels]


def soft_loss(logits: Tensor, shares: Tensor, temperature: float) -> Tensor:
    """The mean cross-entropy of shares at a temperature, times its square, so that gradients stay as large (section 2).

    Its gradient is that of the Kullback-Leibler divergence of the student from the teacher.
    """
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits / temperature, shares) * temperature**2
