"""Character errors of a transcript, counted by jiwer. The measure is all errors over all characters."""

from __future__ import annotations

from pathlib import Path

from merits.core.doors import Scorer
from merits.scorers import wer

__all__ = ["Params", "load"]


class Params(wer.Params, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is evened out before characters are compared, and when a transcript counts as solved."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that counts substituted, deleted and inserted characters, for languages that are written without spaces.

    Otherwise as `wer`; spaces between words are characters too.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(), classes=(), folder=Path())
    >>> found = score(Example(id="1", input="1.wav", target="Good morning, world"), Answer(output="good morning word"))
    >>> found.solved, found.counts.values
    (False, (1.0, 18.0))
    """
    return wer.error_scorer("character", params.normalise, params.solved_to)
