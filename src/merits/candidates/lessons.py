"""What there is to learn from another candidate's answers, and how many of them are of no use.

Knows nothing about who learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind
from merits.reading.forecasts import forecast_of
from merits.reading.labels import told_label

__all__ = ["Told", "labels_told", "told_outputs"]


@dataclass
class Told:
    """What was said, by the hash of the input: shares of labels, or outputs; and how many answers were of no use."""

    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    outputs: dict[str, JSON] = field(default_factory=dict)
    n_unusable: int = 0
    n_unsure: int = 0

    @property
    def usable(self) -> int:
        """How many answers teach something."""
        return len(self.shares) + len(self.outputs)

    def why_not(self, n_asked: int) -> str:
        """Why the others teach nothing, with their share; "" where all do."""
        n_failed = n_asked - self.usable - self.n_unusable - self.n_unsure
        reasons = [
            (n_failed, "could not be had"),
            (self.n_unusable, "cannot be read as an answer"),
            (self.n_unsure, "are too unsure"),
        ]
        return ", ".join(f"{n:,} {reason} ({n / n_asked:.1%})" for n, reason in reasons if n)


def labels_told(answers: Mapping[str, Answer], context: LoadContext, *, soft: bool, least: float) -> Told:
    """The shares of labels that each answer comes to: its probabilities, or all for the label that it names.

    Labels that the task does not have count for nothing. An answer whose confidence is below `least` is left out; one
    without any is as sure as can be.
    """
    told, classes = Told(), tuple(context.classes)
    for hash, answer in answers.items():
        if _is_no_answer(answer):
            told.n_unusable += 1
            continue
        known = {
            label: share for label, share in (answer.probabilities or {}).items() if label in classes and share > 0
        }
        label = told_label(answer.output, classes)
        if not known and label is None:
            told.n_unusable += 1
        elif _confidence(answer, known) < least:
            told.n_unsure += 1
        elif known and (soft or label is None):
            total = sum(known.values())
            told.shares[hash] = {name: share / total for name, share in known.items()}
        elif label is not None:
            told.shares[hash] = {label: 1.0}
    return told


def told_outputs(answers: Mapping[str, Answer], context: LoadContext, *, soft: bool, least: float) -> Told:
    """The output of each answer; where numbers are wanted, the number that it names."""
    told = Told()
    numbers = context.task_kind in kind_names() and task_kind(context.task_kind).target == "number"
    for hash, answer in answers.items():
        output = _number(answer.output) if numbers else answer.output
        if _is_no_answer(answer) or output in (None, ""):
            told.n_unusable += 1
        elif _confidence(answer, {}) < least:
            told.n_unsure += 1
        else:
            told.outputs[hash] = output
    return told


def _number(output: JSON) -> float | None:
    forecast = forecast_of(output)
    return None if forecast is None else forecast.value


def _is_no_answer(answer: Answer) -> bool:
    return answer.failure is not None or answer.refused


def _confidence(answer: Answer, known: Mapping[str, float]) -> float:
    if known:
        return max(known.values())
    return 1.0 if answer.confidence is None else answer.confidence
