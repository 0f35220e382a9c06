"""Measurements that are never quite the same twice: a little noise on every number of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from merits.core.identity import JSON
from merits.core.kinds import Reads
from merits.perturbations.numbers_in_columns import amounts
from merits.perturbations.shifted_columns import study

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb", "study"]

READS: Reads = "columns"
STRENGTH = "standard deviation of the noise, in those of each column"
LEVELS = (0.05, 0.1, 0.2)
VERSION = 1


def perturb(
    value: Mapping[str, JSON], strength: float, random: np.random.Generator, studied: Mapping[str, float] | None = None
) -> dict[str, JSON]:
    """The columns, each that holds a number off by a Gaussian of that share of its spread in dev.

    Whole numbers become others; what is no number stays. `studied` is what `study` found; without it nothing changes.

    >>> perturb({"age": 30.0, "city": "Bonn"}, 0.1, np.random.default_rng(0), {"age": 10.0})
    {'age': 30.1257302, 'city': 'Bonn'}
    """
    if not (math.isfinite(strength) and strength >= 0):
        raise ValueError(f"noise is 0 or more standard deviations, not {strength:g}")
    changed = dict(value)
    for name, number in amounts(value).items():
        if studied and name in studied:
            noisy = float(f"{number + strength * studied[name] * random.standard_normal():.9g}")
            changed[name] = f"{noisy:.9g}" if isinstance(value[name], str) else noisy
    return changed
