"""Bagging: copies that each learned from examples drawn anew, for candidates that are not steady."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.evaluation import Evaluation
from merits.improving.combining.copying import copying
from merits.improving.combining.seeds import cannot_copy
from merits.improving.registry import Effort

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT: Effort = "trains long"
TITLE = "Bagging: copies of a trained candidate, each of other examples"


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Copies of the candidates that are trained here."""

    copies: Annotated[int, Meta(ge=2, le=200, description="How many copies.")] = 10
    most: Annotated[int, Meta(ge=1, description="How many candidates are tried, the best first.")] = 2


def make(params: Params) -> Improver:
    """The improver; it asks for nothing where `why_not` says something."""

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        return [] if why_not(brief) else (yield from copying("bagged", params.copies, params.most)(brief))

    return search


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why nothing can be bagged, in a sentence; "" where something can."""
    return cannot_copy(brief, "bagged")
