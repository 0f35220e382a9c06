"""BLEU of a translation, counted by sacreBLEU. The measure is that of all answers together, not a mean over answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from merits.core.outcome import Counts
from merits.scorers.sacre import Counted, SacreScorer, metrics

__all__ = ["Params", "load"]


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


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> SacreScorer:
    """A scorer that compares n-grams of words with those of the target; a list of targets are several references.

    One sentence has a BLEU of its own (only the orders it has n-grams of), which says little: take `bleu` over all.
    Papineni et al. (2002), doi:10.3115/1073083.1073135. UsageError without the package.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(), classes=(), folder=Path())
    >>> example = Example(id="1", input="Die Katze saß auf der Matte", target="the cat sat on the mat")
    >>> found = score(example, Answer(output="the cat sat on mat"))
    >>> round(found.value, 3), found.solved, found.counts.values
    (0.579, True, (5.0, 3.0, 2.0, 1.0, 5.0, 4.0, 3.0, 2.0, 5.0, 6.0))
    """
    sacrebleu = metrics("bleu")
    tokenize, lowercase = params.tokenize, params.lowercase
    single = sacrebleu.BLEU(tokenize=tokenize, lowercase=lowercase, effective_order=True)

    def count(said: str, references: Sequence[str]) -> Counted:
        found = single.sentence_score(said, references)
        value = found.score / 100.0
        values = (*found.counts, *found.totals, found.sys_len, found.ref_len)
        return Counts("bleu", tuple(float(count) for count in values)), value, f"BLEU {value:.2f}"

    return SacreScorer(sacrebleu.BLEU(tokenize=tokenize, lowercase=lowercase), count, params.solved_from)
