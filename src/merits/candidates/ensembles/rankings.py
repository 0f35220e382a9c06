"""One list of many, by reciprocal-rank fusion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from merits.candidates.ensembles.answers import Combine
from merits.core.answer import Answer
from merits.reading.lists import ranked

__all__ = ["by_rank"]


def by_rank(k: int = 60) -> Combine:
    """All items that any part lists, by the sum of weight/(k + rank), ranks from 1; of equals, the earlier part's.

    Cormack, Clarke & Büttcher (2009), doi:10.1145/1571941.1572114, who found k = 60 good. It needs no scores, so lists
    of any origin can be fused. An answer that lists nothing has no vote.

    >>> by_rank()([Answer(["Alien", "Brazil"]), Answer("1. Brazil\\n2. Casablanca")], [1, 1]).output
    ['Brazil', 'Alien', 'Casablanca']
    """

    def combine(answers: Sequence[Answer], weights: Sequence[float]) -> Answer:
        found: defaultdict[str, float] = defaultdict(float)
        for answer, weight in zip(answers, weights, strict=True):
            for rank, item in enumerate(ranked(answer.output), start=1):
                found[item] += weight / (k + rank)
        if not found:
            return Answer(answers[0].output)
        fused: list[str] = sorted(found, key=lambda item: round(found[item], 12), reverse=True)
        return Answer(fused)

    return combine
