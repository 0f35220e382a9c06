"""How unexpected a list of items is: the mean self-information of its items, by how many users chose each in dev.

Zhou et al. (2010), "Solving the apparent diversity-accuracy dilemma of recommender systems",
doi:10.1073/pnas.1000488107. Says nothing about whether anybody wants the items: random lists are the most novel.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.interactions import items_of
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.reading.lists import ranked
from merits.scorers.reading import CannotJudge

__all__ = ["Params", "load", "study"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Mean self-information of the first k items, as a share of the most there can be: an item that one user chose."""

    k: Annotated[int, msgspec.Meta(ge=1, description="So many items of the list count, from the first.")] = 10
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The value from which an answer counts as solved.")
    ] = 0.5


@dataclass(frozen=True)
class Popularity:
    """How many of `n_users` chose each item."""

    n_users: int = 0
    users: Mapping[str, int] = field(default_factory=dict)

    def surprise(self, item: str) -> float:
        """From 0 (every user chose it) to 1 (one did); what nobody chose is as surprising as what one did."""
        return math.log2(self.n_users / max(self.users.get(item, 1), 1)) / math.log2(self.n_users)


def study(params: Params, examples: Sequence[Example]) -> Popularity:
    """How many users chose each item, of the examples that candidates learn from.

    >>> seen = study(Params(), [Example("1", {"items": ["a"]}, ["b"]), Example("2", {"items": ["b"]}, ["b", "c"])])
    >>> sorted(seen.users.items())
    [('a', 1), ('b', 2), ('c', 1)]
    """
    users: Counter[str] = Counter()
    for example in examples:
        users.update({*items_of(example.input), *items_of(example.target)})
    return Popularity(len(examples), dict(users))


def load(params: Params, *, classes: tuple[str, ...], folder: Path, studied: Popularity | None = None) -> Scorer:
    """A scorer that needs no target; an empty list is not novel at all, it is 0.

    >>> score = load(Params(), classes=(), folder=Path(), studied=Popularity(4, {"a": 4, "b": 1}))
    >>> score(Example("1", {"items": []}), Answer(output=["a", "b"])).value
    0.5
    """
    known = studied or Popularity()

    def score(example: Example, answer: Answer) -> Score:
        if known.n_users < 2:
            raise CannotJudge("novelty is by what the users of dev chose, and there are fewer than two")
        listed = ranked(answer.output)[: params.k]
        value = sum(map(known.surprise, listed)) / len(listed) if listed else 0.0
        bits = value * math.log2(known.n_users)
        counts = Counts("ratio", (value, 1.0))
        return Score(value, bool(listed) and value >= params.solved_from, f"{bits:.1f} bits an item", counts)

    return score
