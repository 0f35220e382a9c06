"""Digits of scikit-learn as columns of a table, to learn from and to be asked about."""

from __future__ import annotations

from functools import cache

from sklearn.datasets import load_diabetes, load_digits

from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["CLASSES", "diabetes", "digits"]

CLASSES = tuple("0123456789")


@cache
def digits(n: int = 600, n_test: int = 300) -> tuple[list[Example], list[Example]]:
    """Examples of dev, and others."""
    data = load_digits()
    examples = []
    for place, (row, target) in enumerate(zip(data.data[: n + n_test], data.target, strict=False)):
        input: dict[str, JSON] = {f"p{at:02}": float(value) for at, value in enumerate(row)}
        examples.append(Example(str(place), input, str(target), split="dev"))
    return examples[:n], examples[n:]


@cache
def diabetes() -> tuple[list[Example], list[Example]]:
    """How far a disease went within a year, for ten measurements of 442 patients."""
    data = load_diabetes()
    examples = [
        Example(
            str(place), {f"x{at}": float(value) for at, value in enumerate(row)}, float(data.target[place]), split="dev"
        )
        for place, row in enumerate(data.data)
    ]
    return examples[:300], examples[300:]
