"""Word or character errors of a transcript, counted by jiwer. The measure is all errors over all words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import UsageError
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.scorers import normalised
from merits.scorers.reading import CannotJudge, targets_of, text_of

__all__ = ["Params", "load"]

_MOST = 20  # times as long as the target: what is said beyond is inserted, and need not be aligned

Errors = tuple[int, int]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is counted, what is evened out before, and when a transcript counts as solved."""

    unit: Annotated[
        Literal["word", "character"],
        msgspec.Meta(description="word: WER. character: CER, for languages without spaces."),
    ] = "word"
    ignore_case: Annotated[bool, msgspec.Meta(description="Upper and lower case do not matter.")] = True
    ignore_punctuation: Annotated[bool, msgspec.Meta(description="Punctuation does not matter.")] = True
    solved_to: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The errors per word up to which an answer counts as solved.")
    ] = 0.0


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that counts substitutions, deletions and insertions; of a list of targets, the nearest is taken.

    An answer's value is 1 less its errors per word, at least 0. UsageError without the package.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> found = score(Example(id="1", input="1.wav", target="Good morning, world"), Answer(output="good morning word"))
    >>> round(found.value, 3), found.solved, found.counts.values
    (0.667, False, (1.0, 3.0))
    """
    try:
        import jiwer
    except ImportError:
        raise UsageError("The scorer wer needs the package jiwer.", "pip install 'merits[speech]'") from None
    of_words = params.unit == "word"
    aligned: Callable[..., jiwer.WordOutput | jiwer.CharacterOutput] = (
        jiwer.process_words if of_words else jiwer.process_characters
    )
    even = normalised.Params(ignore_case=params.ignore_case, ignore_punctuation=params.ignore_punctuation)

    def errors(target: str, said: str) -> Errors:
        """Errors, and units of the target."""
        wanted, given = (normalised.normalise(text, even) for text in (target, said))
        n, m = (len(text.split()) if of_words else len(text) for text in (wanted, given))
        most = _MOST * (n + 10)
        if m > most:
            given = " ".join(given.split()[:most]) if of_words else given[:most]
        if not given:
            return n, n
        found = aligned(wanted, given)
        return found.substitutions + found.deletions + found.insertions + max(m - most, 0), n

    def score(example: Example, answer: Answer) -> Score:
        said = text_of(answer.output)
        found = [errors(text, said) for text in map(text_of, targets_of(example)) if text.strip()]
        if not found:
            raise CannotJudge(f"the target of example {example.id!r} has no word")
        wrong, n = min(found, key=lambda each: each[0] / each[1])
        rate = wrong / n
        what = "words" if of_words else "characters"
        counts = Counts("error_rate", (float(wrong), float(n)))
        return Score(max(0.0, 1.0 - rate), rate <= params.solved_to, f"{wrong} errors in {n} {what}", counts)

    return score
