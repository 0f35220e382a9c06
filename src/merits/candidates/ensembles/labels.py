"""One label of many: by plurality, or by the mean of the class probabilities ("soft voting")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from merits.candidates.ensembles.answers import Combine
from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.reading.labels import reader
from merits.reading.values import text_of

__all__ = ["by_label", "label_reader"]

_TIE = 1e-9  # shares that differ by less are equal: floats add up in different orders


def label_reader(classes: tuple[str, ...]) -> Callable[[JSON], str | None]:
    """Reads the class that an output means, as scorers do; where no classes are known, what it says."""
    return reader(classes) if classes else text_of


def by_label(classes: tuple[str, ...], *, soft: bool = False, shares: bool = False) -> Combine:
    """The label with the most weight; of equals, that of the earliest part. An answer that names no class has no vote.

    With `soft` an answer with probabilities gives each class its share of the weight (without: all to its label).
    Probabilities are given then, and with `shares`; `confidence` is the label's share of all weight.

    >>> combine = by_label(("ham", "spam"))
    >>> said = [Answer("Spam."), Answer("ham"), Answer('{"label": "ham"}')]
    >>> combine(said, [1, 1, 1]).output, combine(said, [3, 1, 1]).output, combine(said, [2, 1, 1]).output
    ('ham', 'spam', 'spam')
    """
    read = label_reader(classes)

    def combine(answers: Sequence[Answer], weights: Sequence[float]) -> Answer:
        said = [read(answer.output) for answer in answers]
        found: dict[str, float] = {label: 0.0 for label in said if label is not None}  # in the order of the parts
        for answer, label, weight in zip(answers, said, weights, strict=True):
            if soft and answer.probabilities:
                for name, share in answer.probabilities.items():
                    found[name] = found.get(name, 0.0) + weight * share
            elif label is not None:
                found[label] += weight
        total, most = sum(found.values()), max(found.values(), default=0.0)
        if total <= 0.0:
            return Answer(answers[0].output, confidence=0.0)
        label = next(name for name, weight in found.items() if weight >= most - _TIE * total)
        whole = {name: found.get(name, 0.0) / total for name in (classes or found)} if soft or shares else None
        return Answer(label, whole, found[label] / total)

    return combine
