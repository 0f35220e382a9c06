"""What a requirement is judged on for one candidate: the estimate that is shown, and the parts that must all hold.

A plain bar has one part. The worst of several slices clears a bar where every slice does: a part each. So does a drop
under a perturbation at several strengths. A drop and a difference are paired, on the same examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.core.needs import Needs, Requirement
from merits.core.robustness import levels_under
from merits.deciding.drops import TOGETHER, drop_of_rows, drop_of_sums
from merits.deciding.human import corrected_difference
from merits.deciding.metrics import Question, measure, row_values, share_in_time
from merits.stats.noninferiority import difference_bounds

__all__ = ["Measured", "Part", "dropped", "measured", "rival_of"]

_SOLVED = ("accuracy", "solved", "quality")


@dataclass(frozen=True)
class Part:
    """One bar and the estimate it is judged on; `where` names the slice it is about, if it is about one."""

    bar: Requirement
    judged: Estimate | None
    where: str = ""


@dataclass(frozen=True)
class Measured:
    """What is shown of a requirement and what it is judged on. `missing` says why nothing is known, if nothing is."""

    shown: Estimate | None
    parts: tuple[Part, ...]
    missing: str = ""


def measured(requirement: Requirement, question: Question) -> Measured:
    """What a measured requirement is judged on, each end of each estimate holding at the level of the question."""
    if requirement.metric == "worst_slice":  # worst_slice[language] is short for the share solved, by language
        requirement = msgspec.structs.replace(requirement, metric="accuracy", of="", by=requirement.of)
    if requirement.by:
        return _worst_slice(requirement, question)
    if requirement.under:
        return _drop(requirement, question)
    if requirement.against:
        return _difference(requirement, question)
    return _plain(requirement, question)


def rival_of(requirement: Requirement, needs: Needs) -> str:
    """The name of the candidate that a requirement compares with."""
    return needs.incumbent if requirement.against == "incumbent" and needs.incumbent else requirement.against


def _plain(requirement: Requirement, question: Question) -> Measured:
    """What is judged is what is shown, but for percentiles of latency, which are judged on the share in time."""
    cases, k, level = question.cases, question.k, question.level
    estimate = measure(requirement, cases, question.needs, k, level)
    bar, judged = share_in_time(requirement, cases, k, level) or (requirement, estimate)
    return Measured(estimate, (Part(bar, judged),))


# The worst slice -------------------------------------------------------------------------------------------------


def _worst_slice(requirement: Requirement, question: Question) -> Measured:
    """Every slice at the level to show that all clear the bar, with correction to show that one of them misses it.

    All clear it only if the truly worst does, so no slice needs correction for that (Berger 1982, Technometrics 24,
    295–300); that some slice misses it can be true by luck in any of them.
    """
    cases, level = question.cases, question.level
    tags = cases.evaluation.tags[requirement.by]
    names = [str(name) for name in np.unique(tags[cases.clean]) if name != ""]
    alone = msgspec.structs.replace(requirement, by="")
    strict = 1.0 - (1.0 - level) / max(len(names), 1)
    shown: list[Estimate | None] = []
    parts: list[Part] = []
    for name in names:
        inside = replace(cases, within=np.asarray(tags == name))
        at_level, corrected = (_plain(alone, replace(question, cases=inside, level=each)) for each in (level, strict))
        (part,), (strict_part,) = at_level.parts, corrected.parts
        shown.append(_joined(at_level.shown, corrected.shown, requirement))
        judged = _joined(part.judged, strict_part.judged, part.bar)
        parts.append(Part(part.bar, judged, f"{requirement.by} {name}"))
    return Measured(
        _worst(shown, names, requirement, level, of=f"{len(names)} slices", by=requirement.by), tuple(parts)
    )


def _joined(at_level: Estimate | None, corrected: Estimate | None, bar: Requirement) -> Estimate | None:
    """The end that shows a bar to be met at the level, the end that shows it to be missed with correction."""
    if at_level is None or corrected is None:
        return None
    if bar.op == ">=":
        return msgspec.structs.replace(at_level, high=corrected.high)
    return msgspec.structs.replace(at_level, low=corrected.low)


def _worst(
    shown: list[Estimate | None], names: list[str], requirement: Requirement, level: float, *, of: str, by: str = ""
) -> Estimate | None:
    """The slice that looks worst, with ends that hold for the truly worst; an end is open where one slice's is.

    It is the worst `of` so many; `by` is what slices are called together.
    """
    known = [(estimate, name) for estimate, name in zip(shown, names, strict=True) if estimate is not None]
    if not known:
        return None
    sign = 1.0 if requirement.op == ">=" else -1.0
    pick: Callable[[list[float]], float] = min if requirement.op == ">=" else max
    worst, name = min(known, key=lambda pair: -np.inf if pair[0].value is None else sign * pair[0].value)
    lows, highs = [e.low for e, _ in known], [e.high for e, _ in known]
    every = len(known) == len(names)
    far = "high" if requirement.op == ">=" else "low"
    note = f"the worst of {of} ({f'{by} {name}'.strip()}), the {far} end corrected for their number"
    return msgspec.structs.replace(
        worst,
        low=_end(lows, pick, needs_all=requirement.op == ">=", every=every),
        high=_end(highs, pick, needs_all=requirement.op == "<=", every=every),
        level=level,
        method=f"{worst.method}; {note}",
    )


def _end(
    ends: list[float | None], pick: Callable[[list[float]], float], *, needs_all: bool, every: bool
) -> float | None:
    """The end of the worst: it needs every slice on the careful side, those that are known on the other."""
    known = [end for end in ends if end is not None]
    if not known or (needs_all and not (every and len(known) == len(ends))):
        return None
    return pick(known)


# Paired ----------------------------------------------------------------------------------------------------------


def _drop(requirement: Requirement, question: Question) -> Measured:
    """Every level of the perturbation that is meant at the level to show that all clear the bar, with correction to
    show that one of them misses it (as with slices: `_worst_slice`).
    """
    levels = levels_under(requirement.under, question.cases.levels)
    strict = 1.0 - (1.0 - question.level) / max(len(levels), 1)
    shown: list[Estimate | None] = []
    for under in levels:
        at_level, corrected = (dropped(requirement, question, under, each) for each in (question.level, strict))
        shown.append(_joined(at_level, corrected, requirement))
    if not any(shown):
        name = question.cases.evaluation.names[question.k]
        return Measured(None, (Part(requirement, None),), f"{name} has no answers under {requirement.under} to compare")
    if len(levels) == 1:
        return Measured(shown[0], (Part(requirement, shown[0]),))
    parts = tuple(Part(requirement, each, under) for each, under in zip(shown, levels, strict=True))
    return Measured(_worst(shown, list(levels), requirement, question.level, of=f"{len(levels)} levels"), parts)


def dropped(requirement: Requirement, question: Question, under: str, level: float) -> Estimate | None:
    """What the metric of a requirement loses under one level of a perturbation, each end one-sided at `level`."""
    cases, k, metric = question.cases, question.k, requirement.metric
    noisy = replace(cases, perturbation=under)
    if metric in cases.evaluation.counts or metric in TOGETHER:
        return drop_of_sums(cases, noisy, metric, k, level, of=requirement.of)
    values = row_values(metric, replace(question, of=requirement.of))
    perturbed = row_values(metric, replace(question, cases=noisy, of=requirement.of))
    return drop_of_rows(cases, noisy, values, perturbed, level)


def _difference(requirement: Requirement, question: Question) -> Measured:
    """This candidate minus the other, on the examples that both have."""
    cases, k = question.cases, question.k
    evaluation, rival = cases.evaluation, rival_of(requirement, question.needs)
    if rival == evaluation.names[k]:
        return Measured(None, (), f"it is {rival} itself")
    if rival not in evaluation.names or evaluation.index(rival) not in cases.assessed:
        return Measured(None, (Part(requirement, None),), f"{rival} has no scored answer here")
    values, mask = row_values(requirement.metric, replace(question, of=requirement.of))
    others, their = row_values(requirement.metric, replace(question, k=evaluation.index(rival), of=requirement.of))
    both = mask & their
    if not both.any():
        missing = f"{evaluation.names[k]} and {rival} have no example in common"
        return Measured(None, (Part(requirement, None),), missing)
    if requirement.metric in _SOLVED:
        by_people = corrected_difference(cases, k, evaluation.index(rival), question.level)
        if by_people is not None:
            estimate = _noted(by_people, f"minus {rival}, on the same examples")
            return Measured(estimate, (Part(requirement, estimate),))
    found = difference_bounds(values[both], others[both], cases.groups_at(both), question.level, anytime=cases.anytime)
    estimate = _noted(found, f"minus {rival}, on the same examples")
    return Measured(estimate, (Part(requirement, estimate),))


def _noted(estimate: Estimate, note: str) -> Estimate:
    return msgspec.structs.replace(estimate, method=f"{estimate.method}; {note}")
