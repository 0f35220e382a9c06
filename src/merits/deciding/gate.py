"""May this go out? Not worse than the baseline by more than a margin, and all that the task requires: for CI.

What is looked at is the lower one-sided bound of the paired difference, so a gate passes what is truly worse by the
margin in at most 1 - confidence of runs; the upper bound, so that it fails what is truly as good no more often. What
lies between is inconclusive, with the number of examples that would settle it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from merits.core.decision import RequirementResult
from merits.core.estimate import Estimate
from merits.core.needs import Needs
from merits.deciding.again import settle_failures
from merits.deciding.amounts import ODDS, about, pieces
from merits.deciding.cases import POLICIES
from merits.deciding.changes import Change, changes, difference_of
from merits.deciding.measuring import rival_of
from merits.deciding.pairing import Paired, Side, cases_of, failed_sides, pair
from merits.deciding.requirements import required
from merits.stats.critical import normal_critical
from merits.stats.noninferiority import difference_bounds
from merits.stats.power import examples_for_margin

__all__ = ["Gate", "GateCheck", "GateOutcome", "judge_gate", "margin_of", "not_inferior"]

GateOutcome: TypeAlias = Literal["passed", "failed", "inconclusive"]
_MOST_UNKNOWN = 0.10  # the share of pairs that could not be judged, past which nothing is certain


class GateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One question of the gate, its answer in words, and what would settle it where it is open."""

    name: str
    outcome: GateOutcome
    text: str
    estimate: Estimate | None = None
    settle: str = ""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says of one candidate. `change` is against the baseline, None without one.

    It failed when one check certainly fails, and passed when all certainly pass.
    """

    outcome: GateOutcome
    candidate: str
    baseline: str
    margin: float
    confidence: float
    checks: tuple[GateCheck, ...]
    change: Change | None
    next_step: str


def judge_gate(candidate: Side, baseline: Side | None, needs: Needs, *, margin: float, confidence: float) -> Gate:
    """The gate's verdict on a candidate, against a baseline (if there is one) and the task's requirements.

    Raises DataError when candidate and baseline share no example.

    >>> from merits.testing.evaluations import tiny
    >>> new, old = Side("new", tiny(n=400), 0), Side("old", tiny(n=400), 0)
    >>> judge_gate(new, old, Needs(), margin=0.02, confidence=0.95).checks[0].text
    'new is not worse than old by more than 2 points: +0.0 points [at least -0.9 points].'
    """
    checks = list(_requirements(candidate, needs, stands_in=baseline is not None))
    change = None
    if baseline is not None:
        (change,) = changes(baseline, [candidate], confidence)
        paired = pair(baseline, candidate)
        checks = [_against(paired, margin, confidence), *_judged(paired), *checks]
    outcomes = {check.outcome for check in checks}
    overall: GateOutcome = "passed"
    if outcomes & {"failed", "inconclusive"}:
        overall = "failed" if "failed" in outcomes else "inconclusive"
    return Gate(
        outcome=overall,
        candidate=candidate.label,
        baseline="" if baseline is None else baseline.label,
        margin=margin,
        confidence=confidence,
        checks=tuple(checks),
        change=change,
        next_step=" ".join(check.settle for check in checks if check.settle),
    )


def margin_of(needs: Needs) -> float:
    """The margin that the needs name: that of a requirement not to be worse than another candidate, else `tie_margin`.

    >>> from merits.core.needs import Requirement
    >>> margin_of(Needs(requirements=(Requirement("accuracy", ">=", -0.01, against="incumbent"),)))
    0.01
    """
    named = (r for r in needs.requirements if r.against and r.metric == "accuracy" and not r.of and r.bar <= 0.0)
    return next((-requirement.bar for requirement in named), needs.tie_margin)


def not_inferior(difference: Estimate, margin: float) -> GateOutcome:
    """Whether a difference (to the baseline, with one-sided bounds) is certainly above -margin, or certainly below.

    >>> estimate = Estimate(value=0.0, low=-0.008, high=0.008, level=0.95, n=900, unit="points", method="")
    >>> not_inferior(estimate, 0.01), not_inferior(estimate, 0.005)
    ('passed', 'inconclusive')
    """
    if difference.low is not None and difference.low >= -margin:
        return "passed"
    return "failed" if difference.high is not None and difference.high < -margin else "inconclusive"


def _against(paired: Paired, margin: float, confidence: float) -> GateCheck:
    """The question of non-inferiority, under both policies on failures."""
    counting = _one_sided(paired, confidence, failures=True)
    answered = _one_sided(paired, confidence, failures=False)
    outcome = not_inferior(counting, margin)
    names = f"{paired.second.label} is", f"worse than {paired.first.label} by more than {_points(margin)}"
    bound = f"{counting.number(counting.value)} [at least {counting.number(counting.low)}]"
    settle = ""
    if not_inferior(answered, margin) != outcome:
        left_out = "unknown" if answered.value is None else f"{answered.number(answered.value)} [{answered.interval()}]"
        text = f"Whether {names[0]} {names[1]} depends on what failed: {bound} if failures count, {left_out} if not."
        settle = settle_failures(failed_sides(paired.first, paired.second))
        outcome = "inconclusive"
    elif outcome == "passed":
        text = f"{names[0]} not {names[1]}: {bound}."
    elif outcome == "failed":
        at_most = f"{counting.number(counting.value)} [at most {counting.number(counting.high)}]"
        text = f"{names[0]} {names[1]}: {at_most}."
    else:
        text = f"It is not certain whether {names[0]} {names[1]}: {counting.text()}."
        settle = _settle(paired, counting, margin)
    return GateCheck(name="not inferior", outcome=outcome, text=text, estimate=counting, settle=settle)


def _one_sided(paired: Paired, confidence: float, *, failures: bool) -> Estimate:
    """The difference with two bounds that each hold at the confidence, whatever the other does."""
    counted = paired.counted(failures=failures)
    first, second = (shares[counted] for shares in paired.shares(failures=failures))
    groups = None if paired.groups is None else paired.groups[counted]
    return difference_bounds(second, first, groups, confidence, anytime=paired.anytime)


def _settle(paired: Paired, bounds: Estimate, margin: float) -> str:
    """How many more examples would settle the question, if the difference is what it looks like."""
    _, pairs, _ = difference_of(paired, bounds.level, failures=True)
    error, n, value = float(pairs.error[0, 1]), bounds.n, bounds.value or 0.0
    if not 0.0 < error < np.inf:
        return "More examples are needed, nobody can say how many."
    good, critical = value > -margin, normal_critical(2.0 * bounds.level - 1.0)
    total = examples_for_margin(-value if good else value, error, n, margin if good else -margin, critical=critical)
    if total is None:
        return "The difference is just about the margin: no number of examples that can be told now would settle it."
    more = about(total - n, paired.examples_a_group)
    return f"{more} would settle it {ODDS}, if the difference is what it looks like now."


def _judged(paired: Paired) -> Iterator[GateCheck]:
    """A check only where too much of what pairs could not be judged on one of the sides."""
    n, counted = paired.counts.n_paired, int(paired.counted(failures=True).sum())
    if n - counted > _MOST_UNKNOWN * n:
        text = f"{n - counted:,} of {pieces(n)} could not be judged or were not answered: that is too many."
        settle = "Look at why they could not be judged, then run again."
        yield GateCheck(name="judged", outcome="inconclusive", text=text, settle=settle)


def _requirements(candidate: Side, needs: Needs, *, stands_in: bool) -> Iterator[GateCheck]:
    """Each requirement of the task, for this candidate alone, under both policies on failures.

    One that compares with a candidate that is not in the evaluation is left to the baseline, where that stands in.
    """
    if stands_in:
        there = candidate.evaluation.names
        kept = tuple(r for r in needs.requirements if not r.against or rival_of(r, needs) in there)
        needs = msgspec.structs.replace(needs, requirements=kept)
    counting = cases_of(candidate.evaluation, POLICIES[0])
    if candidate.k not in counting.assessed:
        text = f"{candidate.label} has no answer that could be judged."
        yield GateCheck(name="judged", outcome="inconclusive", text=text, settle="Look at why, then run again.")
        return
    answered = cases_of(candidate.evaluation, POLICIES[1])
    both = (required(cases, needs, candidate.k, 1) for cases in (counting, answered))
    for one, two in zip(*both, strict=True):
        yield _requirement(candidate.label, one, two, settle_failures(failed_sides(candidate)))


def _requirement(name: str, counting: RequirementResult, answered: RequirementResult, settle: str) -> GateCheck:
    outcomes: dict[str, GateOutcome] = {"met": "passed", "not met": "failed", "not yet known": "inconclusive"}
    shown = f": {counting.estimate.text()}" if counting.estimate is not None else ""
    if counting.met != answered.met:
        return GateCheck(
            name=str(counting.requirement),
            outcome="inconclusive",
            text=f"Whether {name} meets {counting.requirement} depends on what failed{shown} if failures count.",
            estimate=counting.estimate,
            settle=settle,
        )
    verb = {"met": "meets", "not met": "does not meet", "not yet known": "may or may not meet"}[counting.met]
    return GateCheck(
        name=str(counting.requirement),
        outcome=outcomes[counting.met],
        text=f"{name} {verb} {counting.requirement}{shown}.",
        estimate=counting.estimate,
        settle=counting.settle,
    )


def _points(share: float) -> str:
    number = f"{100.0 * share:g}"
    return f"{number} point{'' if number == '1' else 's'}"
