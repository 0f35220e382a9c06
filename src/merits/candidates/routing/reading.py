"""What is read from an answer: whether there is one, what it says, how sure it is. Knows nothing about thresholds."""

from __future__ import annotations

import math

from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.identity import JSON

__all__ = ["UNASKABLE", "said", "spoken", "sure"]

UNASKABLE = -math.inf
"""How sure a part is that could not be asked, or that refused: less than any threshold."""


def sure(answer: Answer) -> float:
    """How sure a part is of its answer: its highest probability, else the confidence it gave, else 0 for unknown.

    One that could not be asked, or that refused to answer, is less sure than any threshold.

    >>> sure(Answer(output="a", probabilities={"a": 0.7, "b": 0.3})), sure(Answer(output="a", confidence=0.4))
    (0.7, 0.4)
    >>> sure(Answer(output="a")), sure(Answer(output="no", refused=True))
    (0.0, -inf)
    """
    if answer.failure is not None or answer.refused:
        return UNASKABLE
    if answer.probabilities:
        return max(answer.probabilities.values())
    return answer.confidence or 0.0


def said(answer: Answer) -> str:
    """What an answer says, so that two that say the same are equal: its text without case, ends and double spaces.

    >>> said(Answer(output=" Yes. ")), said(Answer(output=["b", 1]))
    ('yes', '["b", 1]')
    """
    return spoken(answer.output)


def spoken(output: JSON) -> str:
    """The same of an output alone."""
    return " ".join(as_text(output).casefold().split()).rstrip(".")
