"""Values that are not there: cells of a table left empty, as where a sensor failed or a form was not filled in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merits.core.identity import JSON
from merits.core.kinds import Reads

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "columns"
STRENGTH = "share of the columns"
LEVELS = (0.05, 0.1, 0.25)
VERSION = 1


def perturb(value: Mapping[str, JSON], strength: float, random: np.random.Generator) -> dict[str, JSON]:
    """The columns, each of them missing (None) with that probability, independently of the others.

    Over many rows the share is exact; a row of three columns loses none at 0.05 more often than not.

    >>> perturb({"age": 31, "city": "Bonn", "income": 2.5}, 0.5, np.random.default_rng(0))
    {'age': 31, 'city': None, 'income': None}
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"a share of columns is from 0 to 1, not {strength:g}")
    gone = random.random(len(value)) < strength
    return {name: None if lost else cell for (name, cell), lost in zip(value.items(), gone, strict=True)}
