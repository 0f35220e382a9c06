"""Robustness as a task names it and as an evaluation knows it: which perturbations, how strong, on how many examples.

Knows nothing about what a perturbation does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from merits.core.candidate import Candidate

__all__ = ["PARAPHRASE", "Level", "Robustness", "Strengths", "level_id", "levels_under"]

PARAPHRASE = "paraphrase"
"""The one perturbation that another candidate makes."""


class Strengths(msgspec.Struct, frozen=True, omit_defaults=True):
    """A perturbation by its name, and the strengths that it is applied at, in the order to show.

    With `by` it is a paraphrase that this candidate makes, which has no strength.
    """

    name: str
    strengths: tuple[float, ...] = ()
    by: Candidate | None = None


class Robustness(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task's examples are also asked under; `sample` is of how many of them, drawn with the seed. None: all.

    >>> Robustness().n_levels, Robustness((Strengths("typos", (0.02, 0.05)),)).n_levels
    (0, 2)
    """

    perturbations: tuple[Strengths, ...] = ()
    sample: int | None = None

    @property
    def n_levels(self) -> int:
        """How many more times an example is asked."""
        return sum(len(one.strengths) or 1 for one in self.perturbations)

    @property
    def ids(self) -> tuple[str, ...]:
        """What the perturbations of an evaluation are called, in order: `typos 0.02`, `typos 0.05`, `paraphrase`."""
        return tuple(
            level_id(one.name, strength)
            for one in self.perturbations
            for strength in (one.strengths if one.by is None else (None,))
        )


class Level(msgspec.Struct, frozen=True, omit_defaults=True):
    """A perturbation at one strength, as an evaluation's rows know it.

    `id` is what it is called there. `asked_as` is what stands in the key of a stored answer: all that can change what
    is asked (name, strength, version of the perturbation, seed). `scale` says what a strength is, with its unit.
    """

    id: str
    name: str
    asked_as: str
    strength: float | None = None
    scale: str = ""


def level_id(name: str, strength: float | None) -> str:
    """What a perturbation is called at a strength; None where it has none.

    >>> level_id("typos", 0.05), level_id("noise", -5.0), level_id("paraphrase", None)
    ('typos 0.05', 'noise -5', 'paraphrase')
    """
    return name if strength is None else f"{name} {strength:.12g}"


_STRENGTH = re.compile(r"(?P<name>.*\S)\s*[ =@]\s*(?P<strength>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


def levels_under(under: str, ids: Sequence[str]) -> tuple[str, ...]:
    """Of what there is, what a requirement means: all strengths of a perturbation, or the one that is named.

    >>> ids = ("typos 0.02", "typos 0.05", "paraphrase")
    >>> levels_under("typos", ids), levels_under("typos=0.050", ids), levels_under("typos 0.1", ids)
    (('typos 0.02', 'typos 0.05'), ('typos 0.05',), ())
    >>> levels_under("paraphrase", ids)
    ('paraphrase',)
    """
    if under in ids:
        return (under,)
    named = tuple(one for one in ids if (found := _STRENGTH.fullmatch(one)) and found["name"] == under)
    if named:
        return named
    one = _STRENGTH.fullmatch(under)
    exact = "" if one is None else level_id(one["name"], float(one["strength"]))
    return (exact,) if exact in ids else ()
