"""TER of a translation, counted by sacreBLEU: edits per word. The measure is all edits over all words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.outcome import Counts
from merits.scorers.sacre import Counted, SacreScorer, metrics

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is evened out before, and when a translation counts as solved."""

    normalized: Annotated[bool, msgspec.Meta(description="Part punctuation from words first, as Tercom does.")] = False
    no_punct: Annotated[bool, msgspec.Meta(description="Leave punctuation out.")] = False
    asian_support: Annotated[
        bool, msgspec.Meta(description="Part Chinese and Japanese into characters, with `normalized`.")
    ] = False
    case_sensitive: Annotated[bool, msgspec.Meta(description="Upper and lower case matter.")] = False
    solved_to: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The edits per word up to which an answer counts as solved.")
    ] = 0.3


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> SacreScorer:
    """A scorer that counts insertions, deletions, substitutions and shifts of phrases that make the answer a reference.

    Of several references the nearest counts, over their mean length. An answer's value is 1 less its edits per word,
    at least 0. Snover et al. (2006), https://aclanthology.org/2006.amta-papers.25. UsageError without the package.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(), classes=(), folder=Path())
    >>> example = Example(id="1", input="Die Katze saß auf der Matte", target="the cat sat on the mat")
    >>> found = score(example, Answer(output="on the mat the cat sat"))
    >>> round(found.value, 3), found.solved, found.counts.values
    (0.833, True, (1.0, 6.0))
    """
    metric = metrics("ter").TER(
        normalized=params.normalized,
        no_punct=params.no_punct,
        asian_support=params.asian_support,
        case_sensitive=params.case_sensitive,
    )

    def count(said: str, references: Sequence[str]) -> Counted:
        found = metric.sentence_score(said, references)
        edits, words = float(found.num_edits), float(found.ref_length)
        rate = edits / words if words else float(edits > 0)
        return Counts("ter", (edits, words)), 1.0 - rate, f"{found.num_edits} edits for {words:g} words"

    return SacreScorer(metric, count, 1.0 - params.solved_to - 1e-9)  # 1 - 0.3 is not 0.7 in binary
