"""What scorers share in reading a target, and the scores they share. Knows nothing about what "solved" means."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Literal, TypeGuard

from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.numbers import number_in
from merits.reading.values import shorten

__all__ = ["SOLVED", "CannotJudge", "target_numbers", "targets_of", "wrong"]

SOLVED = Score(1.0, True)


class CannotJudge(ValueError):
    """A scorer cannot judge this example: the outcome stays `unscored` and is never held against the candidate."""


def targets_of(example: Example) -> tuple[JSON, ...]:
    """The targets of an example: its target, or each one of a list, of which any will do.

    Raises `CannotJudge` when the example has no target.
    """
    target = example.target
    if target is None or (_is_list(target) and not target):
        raise CannotJudge(f"example {example.id!r} has no target to compare with")
    return tuple(target) if _is_list(target) else (target,)


def _is_list(value: JSON) -> TypeGuard[Sequence[JSON]]:
    return isinstance(value, Sequence) and not isinstance(value, (str, Mapping))


def target_numbers(example: Example, percent: Literal["same", "hundredth"] = "same") -> list[float]:
    """The numbers that an example's targets say; `CannotJudge` where there is none."""
    found = [number_in(target, percent) for target in targets_of(example)]
    values = [value for value in found if value is not None]
    if not values:
        raise CannotJudge(f"the target of example {example.id!r} is no number: {shorten(example.target)!r}")
    return values


@functools.lru_cache(maxsize=4096)
def wrong(reason: str = "") -> Score:
    """Not solved, for this reason. Equal reasons share one record, so that a million scores stay small."""
    return Score(0.0, False, reason)
