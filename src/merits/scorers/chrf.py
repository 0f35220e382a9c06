"""chrF of a translation, counted by sacreBLEU. The measure is that of all answers together, not a mean over answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np

from merits.core.outcome import Counts
from merits.scorers.counted import STATISTICS
from merits.scorers.sacre import Counted, SacreScorer, metrics

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is counted, and when a translation counts as solved."""

    word_order: Annotated[
        Literal[0, 2], msgspec.Meta(description="0: characters only. 2: pairs of words too, which is called chrF++.")
    ] = 0
    lowercase: Annotated[bool, msgspec.Meta(description="Upper and lower case do not matter.")] = False
    whitespace: Annotated[bool, msgspec.Meta(description="White space counts as characters too.")] = False
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The chrF of one answer, 0 to 1, from which it counts as solved.")
    ] = 0.6


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> SacreScorer:
    """A scorer that compares n-grams of 1 to 6 characters with those of the target; recall counts twice.

    Of several references the nearest counts. Popović (2015), doi:10.18653/v1/W15-3049. UsageError without the package.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(), classes=(), folder=Path())
    >>> example = Example(id="1", input="Die Katze saß auf der Matte", target="the cat sat on the mat")
    >>> found = score(example, Answer(output="the cat sat on mat"))
    >>> round(found.value, 3), found.solved, found.counts.values[:6]
    (0.669, True, (14.0, 17.0, 14.0, 13.0, 16.0, 12.0))
    """
    metric = metrics("chrf").CHRF(
        word_order=params.word_order, lowercase=params.lowercase, whitespace=params.whitespace
    )
    name, label = ("chrf++", "chrF++") if params.word_order else ("chrf", "chrF")
    value_of = STATISTICS[name].value

    def count(said: str, references: Sequence[str]) -> Counted:
        # What sacreBLEU sums over a corpus. It has no public name, unlike BLEU's and TER's; the tests hold it.
        [found] = metric._extract_corpus_statistics([said], [[reference] for reference in references])
        values = tuple(float(number) for number in found)
        value = float(value_of(np.array(values)))
        return Counts(name, values), value, f"{label} {value:.2f}"

    return SacreScorer(metric, count, params.solved_from)
