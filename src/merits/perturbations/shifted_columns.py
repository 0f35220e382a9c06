"""Columns that drift: a sensor recalibrated, prices that rose. One column of a row is shifted by its own spread."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import pstdev

import numpy as np

from merits.core.identity import JSON
from merits.core.kinds import Reads
from merits.perturbations.numbers_in_columns import amounts

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb", "study"]

READS: Reads = "columns"
STRENGTH = "shift in standard deviations"
LEVELS = (0.5, 1.0, 2.0)
VERSION = 1


def study(inputs: Sequence[JSON]) -> dict[str, float]:
    """The standard deviation of each column that holds numbers, over the inputs that have it; 0 is left out.

    >>> study([{"age": 30, "city": "Bonn"}, {"age": 34, "city": "Rome"}])
    {'age': 2.0}
    """
    values: dict[str, list[float]] = defaultdict(list)
    for input in inputs:
        if isinstance(input, Mapping):
            for name, number in amounts(input).items():
                values[name].append(number)
    spreads = {name: pstdev(column) for name, column in values.items()}
    return {name: spread for name, spread in sorted(spreads.items()) if spread > 0}


def perturb(
    value: Mapping[str, JSON], strength: float, random: np.random.Generator, studied: Mapping[str, float] | None = None
) -> dict[str, JSON]:
    """The columns, one of those that hold a number shifted up or down by so many of its standard deviations.

    Which one, and whether up or down, is drawn. `studied` is what `study` found in dev; without it nothing is known
    of any spread, and the columns stay as they are.

    >>> perturb({"age": 30, "city": "Bonn"}, 1.5, np.random.default_rng(0), {"age": 2.0})
    {'age': 27.0, 'city': 'Bonn'}
    """
    if not (math.isfinite(strength) and strength >= 0):
        raise ValueError(f"a shift is 0 or more standard deviations, not {strength:g}")
    there = {name: number for name, number in amounts(value).items() if name in (studied or {})}
    if not there or studied is None:
        return dict(value)
    name = sorted(there)[int(random.integers(len(there)))]
    sign = 1.0 if random.random() < 0.5 else -1.0
    shifted = there[name] + sign * strength * studied[name]
    return {**value, name: f"{shifted:.12g}" if isinstance(value[name], str) else shifted}
