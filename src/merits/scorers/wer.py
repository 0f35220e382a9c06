"""Word errors of a transcript, counted by jiwer. The measure is all errors over all words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.reading.transcripts import Normalise, normaliser
from merits.reading.values import text_of
from merits.scorers.alignment import alignable, jiwer
from merits.scorers.reading import CannotJudge, targets_of

__all__ = ["Params", "error_scorer", "load"]

Errors = tuple[int, int]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is evened out before words are compared, and when a transcript counts as solved."""

    normalise: Annotated[
        Normalise,
        msgspec.Meta(
            description="What does not matter. basic: case and punctuation. english: also how numbers, contractions "
            'and titles are written ("seven" is "7"), as Whisper\'s paper has it. none: nothing but white space.'
        ),
    ] = "basic"
    solved_to: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The error rate up to which an answer counts as solved.")
    ] = 0.0


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that counts substituted, deleted and inserted words; of a list of targets, the nearest is taken.

    An answer's value is 1 less its errors per word, at least 0. A target without a word (once evened out) cannot be
    judged. MissingExtra without the package.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> found = score(Example(id="1", input="1.wav", target="Good morning, world"), Answer(output="good morning word"))
    >>> round(found.value, 3), found.solved, found.counts.values
    (0.667, False, (1.0, 3.0))
    """
    return error_scorer("word", params.normalise, params.solved_to)


def error_scorer(unit: Literal["word", "character"], how: Normalise, solved_to: float) -> Scorer:
    """A scorer of word errors, or of character errors (spaces are characters, as jiwer has it)."""
    package, even, of_words = jiwer(), normaliser(how), unit == "word"
    aligned = package.process_words if of_words else package.process_characters
    glue = " " if of_words else ""

    def errors(target: str, said: str) -> Errors:
        """Errors, and units of the target."""
        wanted, given = (text.split() if of_words else list(text) for text in map(even, (target, said)))
        near, far = alignable(wanted, given)
        if not wanted or not near:
            return len(wanted), len(wanted)
        found = aligned(glue.join(wanted), glue.join(near))
        return found.substitutions + found.deletions + found.insertions + len(far), len(wanted)

    def score(example: Example, answer: Answer) -> Score:
        said = text_of(answer.output)
        found = [counted for text in targets_of(example) if (counted := errors(text_of(text), said))[1]]
        if not found:
            raise CannotJudge(f"the target of example {example.id!r} has no {unit}")
        wrong, n = min(found, key=lambda each: each[0] / each[1])
        rate = wrong / n
        counts = Counts(f"{unit}_error_rate", (float(wrong), float(n)))
        return Score(max(0.0, 1.0 - rate), rate <= solved_to, f"{wrong} errors in {n} {unit}s", counts)

    return score
