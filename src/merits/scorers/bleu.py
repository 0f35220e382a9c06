"""BLEU of a translation, counted by sacreBLEU. The measure is that of all answers together, not a mean over answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import UsageError
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.scorers.reading import targets_of, text_of

__all__ = ["Params", "load"]

_LONGEST = 20_000  # characters of an answer that are read: no translation of a sentence is longer


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How words are told apart, and when a translation counts as solved."""

    tokenize: Annotated[
        Literal["13a", "intl", "zh", "char", "none"],
        msgspec.Meta(description="sacreBLEU's tokenizer: 13a for most languages, zh for Chinese, char without spaces."),
    ] = "13a"
    lowercase: Annotated[bool, msgspec.Meta(description="Upper and lower case do not matter.")] = False
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The BLEU of one answer, 0 to 1, from which it counts as solved.")
    ] = 0.4


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that compares n-grams of words with those of the target; a list of targets are several references.

    One sentence has a BLEU of its own (only the orders it has n-grams of), which says little: take `bleu` over all.
    UsageError without the package.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> example = Example(id="1", input="Die Katze saß auf der Matte", target="the cat sat on the mat")
    >>> found = score(example, Answer(output="the cat sat on mat"))
    >>> round(found.value, 3), found.solved, found.counts.values
    (0.579, True, (5.0, 3.0, 2.0, 1.0, 5.0, 4.0, 3.0, 2.0, 5.0, 6.0))
    """
    try:
        from sacrebleu import BLEU
    except ImportError:
        raise UsageError("The scorer bleu needs the package sacrebleu.", "pip install 'merits[translation]'") from None
    metric = BLEU(tokenize=params.tokenize, lowercase=params.lowercase, effective_order=True)

    def score(example: Example, answer: Answer) -> Score:
        references = [text_of(target) for target in targets_of(example)]
        found = metric.sentence_score(text_of(answer.output)[:_LONGEST], references)
        value = min(max(found.score / 100.0, 0.0), 1.0)
        values = (*found.counts, *found.totals, found.sys_len, found.ref_len)
        counts = Counts("bleu", tuple(float(count) for count in values))
        return Score(value, value >= params.solved_from, f"BLEU {value:.2f}", counts)

    return score
