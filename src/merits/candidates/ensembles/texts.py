"""One text of many, by agreement: what several say, else what is most like all the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from merits.candidates.ensembles.answers import Combine
from merits.core.answer import Answer
from merits.core.errors import MissingExtra
from merits.reading.texts import normalise
from merits.reading.values import text_of

__all__ = ["alike", "by_agreement"]


def alike() -> Callable[[str, str], float]:
    """How alike two texts are, 0 to 1: the share of characters that need neither be inserted nor deleted (Indel).

    MissingExtra without rapidfuzz.

    >>> round(alike()("the cat sat", "the bat sat"), 2)
    0.91
    """
    try:
        from rapidfuzz.distance import Indel
    except ImportError:
        raise MissingExtra(
            "likeness of texts needs the package rapidfuzz.", "pip install 'merits[ensembles]'"
        ) from None
    return cast("Callable[[str, str], float]", Indel.normalized_similarity)


def by_agreement() -> Combine:
    """The text that has the most weight, where several parts say the same once case and punctuation are evened out.

    Where no two agree it is the medoid: the text that is most like what all parts say, by weight. Of equals the
    earliest part's. Records and lists are compared as JSON. The confidence is how like the answer is to what the parts
    say, on average (so 1 where all agree). An empty text has no vote unless all are empty. Choosing the hypothesis of
    the least expected loss among samples is minimum Bayes risk decoding (Kumar & Byrne 2004).

    >>> combine = by_agreement()
    >>> combine([Answer("Lyon"), Answer("Paris"), Answer("paris.")], [1, 1, 1]).output
    'Paris'
    >>> said = [Answer("a dog ran"), Answer("the dog ran off"), Answer("the dog ran")]
    >>> combine(said, [1, 1, 1]).output
    'the dog ran'
    """
    likeness = alike()

    def combine(answers: Sequence[Answer], weights: Sequence[float]) -> Answer:
        forms = [normalise(text_of(answer.output)) for answer in answers]
        voters = [place for place, form in enumerate(forms) if form] or list(range(len(forms)))
        total = sum(weights[place] for place in voters)
        weight_of: dict[str, float] = {}
        for place in voters:
            weight_of[forms[place]] = weight_of.get(forms[place], 0.0) + weights[place]
        like = {
            form: sum(weight * (likeness(form, other) if form != other else 1.0) for other, weight in weight_of.items())
            for form in weight_of
        }
        agree = len(weight_of) < len(voters)
        by = weight_of if agree else like
        best = max(weight_of, key=lambda form: round(by[form], 12))
        chosen = next(answers[place] for place in voters if forms[place] == best)
        return Answer(chosen.output, confidence=like[best] / total)

    return combine
