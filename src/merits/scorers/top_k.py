"""Solved when the target is among the k labels that the candidate holds most probable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.labels import reader
from merits.reading.values import text_of
from merits.scorers.reading import SOLVED, targets_of, wrong

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How many labels count."""

    k: Annotated[int, msgspec.Meta(ge=1, description="The target must be among so many.")] = 5


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer of answers with probabilities, as scikit-learn's `top_k_accuracy_score` has it.

    Of labels of one probability the one that sorts last goes first, as there. A label without a probability has 0. Who
    gives no probabilities may name several labels, the likeliest first; one that names a single label has used one of
    its k tries, and is judged by that.

    >>> score = load(Params(k=2), classes=("ant", "bee", "cow"), folder=Path())
    >>> answer = Answer("cow", {"ant": 0.1, "bee": 0.3, "cow": 0.6})
    >>> [score(Example(id="1", input="1.png", target=target), answer).solved for target in ("ant", "bee")]
    [False, True]
    """
    read, place = reader(classes), {name: number for number, name in enumerate(classes)}

    def score(example: Example, answer: Answer) -> Score:
        targets = [text_of(target) for target in targets_of(example)]
        shares = answer.probabilities
        if shares:
            names = classes or tuple(sorted(shares))
            found = sorted(names, key=lambda name: (shares.get(name, 0.0), place.get(name, 0), name), reverse=True)
        else:
            said = answer.output if isinstance(answer.output, list | tuple) else [answer.output]
            found = [name for one in said if (name := read(one) if classes else text_of(one)) is not None]
        first = found[: params.k]
        return SOLVED if any(target in first for target in targets) else wrong(f"the first {params.k}: {_shown(first)}")

    return score


def _shown(names: list[str]) -> str:
    text = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return text[:120] or "no label"
