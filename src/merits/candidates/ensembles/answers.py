"""Which answers have a vote, and how much each counts. Knows nothing about what is voted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from merits.core.answer import Answer, Failure

__all__ = ["Combine", "combined", "confidence_of"]


class Combine(Protocol):
    """Makes one answer of several that came, each with its weight (0 or more, not all 0), in the order of the parts."""

    def __call__(self, answers: Sequence[Answer], weights: Sequence[float]) -> Answer: ...


def combined(answers: Sequence[Answer], weights: Sequence[float], combine: Combine) -> Answer:
    """One answer of those that came; a part that failed or refused has no vote.

    Where all failed it is a failure, of the first one's kind; where the others refused, the first refusal.

    >>> def first(answers, weights):
    ...     return answers[0]
    >>> combined([Answer(failure=Failure("timeout", "late")), Answer("yes")], [1.0, 1.0], first).output
    'yes'
    >>> combined([Answer(failure=Failure("timeout", "late"))], [1.0], first).failure
    Failure(kind='timeout', message='no part answered: late', retry_after_s=None)
    """
    came = [(answer, weight) for answer, weight in zip(answers, weights, strict=True) if answer.failure is None]
    if not came:
        first = next(answer.failure for answer in answers if answer.failure is not None)
        return Answer(failure=Failure(first.kind, f"no part answered: {first.message}", first.retry_after_s))
    willing = [(answer, weight) for answer, weight in came if not answer.refused]
    if not willing:
        return came[0][0]
    voters = [(answer, weight) for answer, weight in willing if weight > 0.0] or [
        (answer, 1.0) for answer, _ in willing
    ]
    return combine([answer for answer, _ in voters], [weight for _, weight in voters])


def confidence_of(answer: Answer) -> float | None:
    """How sure an answer is: what it says itself, else its highest probability; None where it tells neither.

    >>> confidence_of(Answer("a", confidence=0.6)), confidence_of(Answer("a", {"a": 0.7, "b": 0.3}))
    (0.6, 0.7)
    """
    if answer.confidence is not None:
        return min(max(answer.confidence, 0.0), 1.0)
    return max(answer.probabilities.values(), default=None) if answer.probabilities else None
