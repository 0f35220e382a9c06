"""Bagged and boosted copies of the candidates that learn: what both techniques do. Which it is, is said by the kind."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.evaluation import Evaluation
from merits.improving.combining.judging import Judge
from merits.improving.combining.seeds import recipe, trained_here

__all__ = ["copying"]


def copying(kind: Literal["bagged", "boosted"], copies: int, most: int) -> Improver:
    """An improver that tries copies of the best `most` that learn, and keeps what beats the best candidate alone."""

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        seeds = trained_here(brief)[:most]
        taken = {one.name for one in brief.seeds}
        tried = [
            recipe(kind, [seed.candidate], taken, f"{seed.candidate.name}, {kind}", copies=copies) for seed in seeds
        ]
        tried = [one for one in tried if one.id not in {given.id for given in brief.seeds}]
        if not tried:
            return []
        return [one.candidate for one in Judge(brief).judged((yield Trials(tried))) if one.kept]

    return search
