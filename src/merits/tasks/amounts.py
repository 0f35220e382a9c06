"""Targets that are numbers: read, and how near an answer must come where nobody said it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median, pstdev

import msgspec

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.on_demand import outlines
from merits.core.task import Example, ScorerSpec
from merits.reading.numbers import number_in, number_of
from merits.tasks.guess import is_number
from merits.tasks.rows import Table

__all__ = ["customary_tolerance", "number_target", "with_tolerance"]


def number_target(target: JSON, table: Table, index: int) -> float:
    """The number that a target is or says ("1,234.5", "$18"); DataError with file and line where it is none."""
    said = number_in(target) if isinstance(target, str) and is_number(target) else number_of(target)
    if said is None:
        raise DataError(
            f"{table.where(index)}: the target {target!r} is no number.",
            "Correct it or leave the row out; `extract:` takes the number out of a longer text.",
        )
    return said


def customary_tolerance(targets: Sequence[float]) -> float:
    """How near is near enough where nobody said it: half the median distance of the targets from their median.

    Always answering the median then solves about a quarter of the cases, so that there is something to win. In two
    significant digits; where more than half of the targets are one and the same, half a standard deviation.

    >>> customary_tolerance([10.0, 12.0, 14.0, 18.0, 30.0])
    2.0
    """
    middle = median(targets)
    spread = median(abs(target - middle) for target in targets) or pstdev(targets)
    return _two_digits(spread / 2.0)


def with_tolerance(
    scorers: Sequence[ScorerSpec], examples: Sequence[Example]
) -> tuple[tuple[ScorerSpec, ...], list[str]]:
    """The customary scorers of a task with the customary tolerance, taken from dev; and a note that says so."""
    seen = [e for e in outlines(examples) if e.split == "dev"] or list(outlines(examples))
    targets = [number for e in seen if (number := number_of(e.target)) is not None]
    tolerance = customary_tolerance(targets) if targets else 0.0
    within = tuple(
        msgspec.structs.replace(spec, params={**spec.params, "tolerance": tolerance}) if not spec.params else spec
        for spec in scorers
    )
    note = (
        f"Solved is what is within {tolerance:g} of the target: half the median distance of dev's targets from their "
        f"median. To say it yourself: `scorers: [{{kind: numeric, tolerance: {tolerance:g}}}, rmse, mae, r2]`."
    )
    return within, [note]


def _two_digits(value: float) -> float:
    return round(value, 1 - math.floor(math.log10(value))) if value > 0 else 0.0
