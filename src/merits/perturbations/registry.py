"""Perturbations by name: the built-in ones and those that plug-ins register under `merits.perturbations`."""

from __future__ import annotations

from typing import Protocol, TypeVar, cast

import numpy as np

from merits.core.errors import MissingExtra, TaskError
from merits.core.kinds import Reads
from merits.core.plugins import names, plugin

__all__ = ["Perturbation", "perturbation", "perturbation_names"]

_GROUP = "merits.perturbations"
T = TypeVar("T")


class Perturbation(Protocol):
    """What an entry point names: anything with these; a module will do.

    `READS` is what it changes: a text (str), a picture (a Pillow image, RGB), a sound (`merits.media.sounds.Sound`),
    the columns of a table (a mapping), or events. `STRENGTH` says what a strength is, with its unit ("share of the
    letters", "signal-to-noise ratio in dB"), and `LEVELS` are the customary strengths, the mildest first. `VERSION`
    goes up when the same strength and seed come to something else: stored answers are to what was asked.

    `perturb` returns the value at a strength. Pure: whatever it draws it draws from `random`, and the value that it is
    given stays as it is. ValueError for a strength that makes no sense. Where it must know more than one value (the
    spread of a column), `study` is given the inputs of dev and what it returns is passed to `perturb` as `studied`.
    """

    READS: Reads
    STRENGTH: str
    LEVELS: tuple[float, ...]
    VERSION: int

    def perturb(self, value: T, strength: float, random: np.random.Generator) -> T: ...


def perturbation_names() -> tuple[str, ...]:
    """The names of all perturbations, sorted.

    >>> "typos" in perturbation_names()
    True
    """
    return names(_GROUP)


def perturbation(name: str) -> Perturbation:
    """A perturbation by its name; TaskError with the near miss when there is none.

    >>> perturbation("typos").READS
    'text'
    """
    return cast(Perturbation, plugin(_GROUP, name, "perturbation", unknown=TaskError, broken=MissingExtra))
