"""How much of the target's wording an answer has: ROUGE, as the package rouge-score counts it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import MissingExtra
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.values import text_of
from merits.scorers.reading import CannotJudge, targets_of

__all__ = ["Params", "load"]

_MOST_WORDS = 5_000  # of an answer: the longest common subsequence takes time in both lengths
_COUNTED = re.compile(r"[a-zA-Z0-9]")
_WORD = re.compile(r"\S+")


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which ROUGE, and when an answer counts as solved."""

    variant: Annotated[
        Literal["rouge1", "rouge2", "rougeL", "rougeLsum"],
        msgspec.Meta(description="Shared words, pairs of words, or the longest common run (rougeLsum: line by line)."),
    ] = "rougeL"
    stemmer: Annotated[bool, msgspec.Meta(description="Compare stems of English words (Porter).")] = False
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The F-measure of an answer from which it counts as solved.")
    ] = 0.3


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer whose value is the F-measure; of a list of targets the nearest is taken. The measure is the mean.

    Lin (2004), "ROUGE: A Package for Automatic Evaluation of Summaries". Only a to z and digits are counted: a target
    in another script cannot be judged. MissingExtra without the package.

    >>> score = load(Params(variant="rouge1"), classes=(), folder=Path())
    >>> round(score(Example(id="1", input="?", target="the cat sat"), Answer(output="a cat sat down")).value, 3)
    0.571
    """
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        raise MissingExtra(
            "the scorer rouge needs the package rouge-score.", "Install it: pip install 'merits[generation]'"
        ) from None
    scorer = RougeScorer([params.variant], use_stemmer=params.stemmer)

    def score(example: Example, answer: Answer) -> Score:
        targets = [text for text in map(text_of, targets_of(example)) if _COUNTED.search(text)]
        if not targets:
            raise CannotJudge(f"the target of example {example.id!r} has no letter from a to z, and no digit")
        value = float(scorer.score_multi(targets, _cut(text_of(answer.output)))[params.variant].fmeasure)
        value = min(max(value, 0.0), 1.0)
        return Score(value, value >= params.solved_from and value > 0, f"{params.variant} {value:.2f}")

    return score


def _cut(text: str) -> str:
    """At most so many words of a text."""
    if len(text) <= _MOST_WORDS:
        return text
    ends = [match.end() for _, match in zip(range(_MOST_WORDS), _WORD.finditer(text), strict=False)]
    return text[: min(ends[-1], 20 * _MOST_WORDS)] if ends else ""
