"""What asking again showed: how much of an answer's variance is the example's, how much the run's, who is flaky."""

from __future__ import annotations

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.report.sections.subject import Subject
from merits.stats.components import Components, components
from merits.stats.critical import Floats
from merits.stats.proportions import wilson
from merits.stats.rates import rate

__all__ = ["RepeatRow", "RepeatSection", "repeat_section"]

_MOST = 30


class RepeatRow(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate asked several times: the shares of the variance of one answer, and of examples it is flaky on.

    A flaky example was solved in some runs and not in others. `example` and `run` are None where nothing varies, or
    fewer than 30 examples were asked.
    """

    name: str
    example: Estimate | None
    run: Estimate | None
    flaky: Estimate


class RepeatSection(msgspec.Struct, frozen=True, kw_only=True):
    """What repeats showed, and what to spend the next calls on; `judge` says what is known of a judge's part."""

    n_repeats: int
    rows: tuple[RepeatRow, ...]
    advice: str
    judge: str


def repeat_section(subject: Subject) -> RepeatSection | None:
    """None where every question was asked once."""
    evaluation = subject.evaluation
    n_repeats = int(evaluation.repeats.max()) + 1 if evaluation.n_rows else 0
    shown = [k for k in subject.order if k in subject.cases.assessed][:_MOST]
    if n_repeats < 2 or not shown:
        return None
    table, groups = _places(subject)
    found = {k: _row(subject, k, table, groups, n_repeats) for k in shown}
    kept = {k: row for k, row in found.items() if row is not None}
    if not kept:
        return None
    return RepeatSection(
        n_repeats=n_repeats,
        rows=tuple(row for row, _ in kept.values()),
        advice=_advice(subject, kept),
        judge=_judge_part(subject),
    )


def _judge_part(subject: Subject) -> str:
    """What is known of a judge's own part: how often its votes on one answer differ."""
    judge = next((each for each in subject.evaluation.judged if each.deciding and each.n_voted), None)
    if judge is None:
        return "No scorer judged an answer twice, so what a judge adds is within the runs' part."
    share = wilson(judge.n_split_votes, judge.n_voted, subject.decision.level)
    return (
        f"The votes of {judge.model} on one answer are not all alike in {share.text()} of the verdicts: so often it is "
        "the judge that varies. The variance that this adds is within the runs' part."
    )


Codes = np.ndarray[tuple[int], np.dtype[np.intp]]


def _places(subject: Subject) -> tuple[Codes, Codes | None]:
    """The example of each row as a number, and the group of each example where examples depend on each other."""
    _, first, examples = np.unique(subject.evaluation.examples, return_index=True, return_inverse=True)
    groups = np.unique(subject.evaluation.group[first], return_inverse=True)[1]
    return examples, groups if len(np.unique(groups)) < len(groups) else None


def _row(
    subject: Subject, k: int, examples: Codes, groups: Codes | None, n_repeats: int
) -> tuple[RepeatRow, Components] | None:
    scores: Floats = np.full((int(examples.max()) + 1, n_repeats), np.nan)
    counted = subject.cases.counted[k]
    scores[examples[counted], subject.evaluation.repeats[counted]] = subject.cases.solved[k][counted]
    there = np.isfinite(scores).sum(axis=1)
    twice = there > 1
    if not twice.any():
        return None
    asked = there > 0
    own = None if groups is None else groups[asked]
    parts = components(scores[asked], np.random.default_rng(0), own, subject.decision.level)
    solved = np.nansum(scores[twice], axis=1)
    flaky = (solved > 0) & (solved < there[twice])
    share = rate(flaky, None if groups is None else groups[twice], subject.decision.level)
    return RepeatRow(name=subject.name(k), example=parts.example, run=parts.run, flaky=share), parts


def _advice(subject: Subject, rows: dict[int, tuple[RepeatRow, Components]]) -> str:
    """What as many calls again would bring, spent on new examples or on asking the same ones again."""
    focus = subject.focus if subject.focus in rows else next(iter(rows))
    row, parts = rows[focus]
    if row.example is None or parts.repeats <= 1.0:
        return ""
    now = parts.left_by(parts.n, parts.repeats)
    again = 100.0 * (1.0 - parts.left_by(parts.n, 2.0 * parts.repeats) / now)
    return (
        f"For {row.name}, twice the calls would take away about {again:.0f} % of the variance of its quality if the "
        "same examples were asked twice as often, and 50 % if as many new examples were asked: "
        + ("more examples, not more repeats." if again < 45.0 else "either will do, where examples are dear.")
    )
