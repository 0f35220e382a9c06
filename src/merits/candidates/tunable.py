"""What of a recipe can be tuned: the usual space that its kind declares, and the names that its open mappings take.

A kind may declare, beside its `Params`, `SPACE` (a mapping from a path in the parameters to a list of choices or to
{low, high, log, step, int}), or `space(params, folder)` where that depends on the recipe. One whose parameters hold a
mapping of whatever a package takes says by `names_in(params, folder)` what that is. Knows nothing about searching.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec

from merits.candidates.registry import kind_of
from merits.core.candidate import Candidate
from merits.core.identity import JSON

__all__ = ["Names", "names_in", "usual_space"]


@dataclass(frozen=True)
class Names:
    """The names that a mapping in a recipe takes, with their defaults (None: unknown); `closed` where no other."""

    defaults: Mapping[str, JSON] = field(default_factory=dict)
    closed: bool = True


def usual_space(candidate: Candidate, folder: Path = Path()) -> dict[str, JSON]:
    """What is usually tuned of a recipe of its kind, by path; {} where nothing is.

    Raises CandidateError where the recipe is wrong.

    >>> usual_space(Candidate(name="linear", kind="text-linear"))["strength"]
    {'low': 0.03, 'high': 300.0, 'log': True}
    >>> usual_space(Candidate(name="always", kind="constant", params={"output": "yes"}))
    {}
    """
    kind = kind_of(candidate)
    depends = getattr(kind, "space", None)
    found = depends(_params(candidate), folder) if depends is not None else getattr(kind, "SPACE", {})
    return dict(cast("Mapping[str, JSON]", found))


def names_in(candidate: Candidate, folder: Path = Path()) -> dict[str, Names]:
    """The names that open mappings in a recipe's parameters take, by the path of the mapping.

    >>> svm = Candidate(name="svm", kind="sklearn", params={"estimator": "sklearn.svm.LinearSVC"})
    >>> names_in(svm)["params"].defaults["C"]
    1.0
    """
    told = getattr(kind_of(candidate), "names_in", None)
    return {} if told is None else dict(cast("Mapping[str, Names]", told(_params(candidate), folder)))


def _params(candidate: Candidate) -> msgspec.Struct:
    return msgspec.convert(candidate.params, kind_of(candidate).Params)
