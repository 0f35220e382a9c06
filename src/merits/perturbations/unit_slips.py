"""Slips of units: an amount entered in grams instead of kilograms, in cents, in pounds, or with the point misplaced."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merits.core.identity import JSON
from merits.core.kinds import Reads
from merits.perturbations.numbers_in_columns import amounts, as_it_was

__all__ = ["FACTORS", "LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "columns"
STRENGTH = "share of the numbers"
LEVELS = (0.02, 0.05, 0.1)
VERSION = 1
FACTORS = (10.0, 0.1, 100.0, 0.01, 1000.0, 0.001, 2.2046226218, 1 / 2.2046226218, 2.54, 1 / 2.54)
"""A point misplaced, cents, thousands, kilograms and pounds, inches and centimetres: each as likely as the others."""


def perturb(value: Mapping[str, JSON], strength: float, random: np.random.Generator) -> dict[str, JSON]:
    """The columns, each number in them multiplied with that probability by one of `FACTORS`. 0 stays 0.

    >>> perturb({"height": 180, "weight": 70.0, "city": "Bonn"}, 1.0, np.random.default_rng(0))
    {'height': 0.18, 'weight': 7000.0, 'city': 'Bonn'}
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"a share of numbers is from 0 to 1, not {strength:g}")
    out = dict(value)
    for name, number in amounts(value).items():
        slips, factor = random.random() < strength, FACTORS[int(random.integers(len(FACTORS)))]
        if slips:
            out[name] = as_it_was(number * factor, value[name])
    return out
