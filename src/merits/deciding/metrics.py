"""Everything that can be required: a metric's name -> how it is estimated, with a bound on each side.

Both ends of an estimate here are one-sided bounds, each of which holds at the level: that is what a gate is judged
on. What is None has no record: no price, no probabilities, no row.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

import msgspec
import numpy as np

from merits.core.errors import RequirementError
from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation, Labels
from merits.core.facts import key_of
from merits.core.needs import Needs, Requirement
from merits.core.robustness import levels_under
from merits.core.task import Task
from merits.core.validate import did_you_mean, near_miss
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.corpus import counted_measure
from merits.deciding.drops import TOGETHER
from merits.deciding.economics import cost_per_case, net_value, solved_cost
from merits.deciding.human import corrected_share
from merits.stats.bootstrap import jackknife_variance
from merits.stats.critical import Bools, Floats, Ints, t_critical
from merits.stats.means import mean_score
from merits.stats.quantiles import quantile
from merits.stats.rates import rate_bounds, rate_of_variance, variance_of_rare_classes

__all__ = ["QUANTILES", "Question", "check_requirement", "measure", "metric_names", "row_values", "share_in_time"]

_NEVER_S = 1e300  # the latency of an answer that never came: longer than any bar
_BLOCKS = 40
_DRAWS = 50  # of outcomes as the probabilities say: their mean error is known to a few per cent of itself

QUANTILES: Mapping[str, float] = MappingProxyType({"p50_latency": 0.50, "p95_latency": 0.95, "p99_latency": 0.99})
"""Percentiles of latency that can be required."""


@dataclass(frozen=True)
class Question:
    """What is asked: of which candidate, at what one-sided level, narrowed to what (`of`)."""

    cases: Cases
    needs: Needs
    k: int
    level: float
    of: str = ""

    @property
    def two_sided(self) -> float:
        """The level of a two-sided interval whose ends each hold at the one-sided level."""
        return 2.0 * self.level - 1.0


@dataclass(frozen=True)
class Measurable:
    """What can be measured of a task, known before anything is asked: its scorers, classes and slices."""

    scorers: tuple[str, ...]
    classes: tuple[str, ...]
    slices: tuple[str, ...]
    keys: tuple[str, ...] = ()
    perturbations: tuple[str, ...] = ()
    is_task: bool = True

    @classmethod
    def of(cls, what: Task | Evaluation) -> Measurable:
        """Of a task that is to be evaluated, or of an evaluation."""
        keys = tuple(sorted({key for candidate in what.candidates for key in candidate.metadata}))
        if isinstance(what, Task):
            scorers = tuple(spec.label for spec in what.scorers)
            return cls(scorers, what.classes, what.tag_names, keys, what.robustness.ids)
        classes = () if what.labels is None else what.labels.classes
        perturbations = tuple(sorted({str(name) for name in np.unique(what.perturbations)} - {""}))
        return cls((what.scorer, *what.scores), classes, tuple(sorted(what.tags)), keys, perturbations, is_task=False)


def metric_names(what: Task | Evaluation) -> tuple[str, ...]:
    """The names of all metrics that can be required here, sorted.

    Those in `PER_CLASS` and "worst_slice" are narrowed: `recall[fraud]`, `worst_slice[language]`.
    """
    measurable = Measurable.of(what)
    names = {*_GENERAL, *measurable.scorers} - {""}
    if measurable.classes:
        names |= {*_CLASSIFICATION}
    if measurable.slices:
        names.add("worst_slice")
    return tuple(sorted(names))


def check_requirement(requirement: Requirement, what: Task | Evaluation) -> None:
    """Nothing, if the requirement can be judged here; else a RequirementError that names the near miss."""
    names = metric_names(what)
    if requirement.is_fact:
        _check_fact(requirement, names, Measurable.of(what).keys)
        return
    if requirement.metric not in names:
        raise RequirementError(
            f"{requirement}: there is no metric {requirement.metric!r} here.", did_you_mean(requirement.metric, names)
        )
    options = _narrowings(requirement.metric, Measurable.of(what))
    if requirement.of and requirement.of not in options:
        found = f"{requirement}: {requirement.metric} cannot be narrowed to {requirement.of!r}."
        raise RequirementError(found, did_you_mean(requirement.of, options) if options else "Leave the brackets out.")
    if options and not requirement.of and requirement.metric in _NEEDS_NARROWING:
        raise RequirementError(
            f"{requirement}: {requirement.metric} of what?", f"Write {requirement.metric}[{options[0]}] or the like."
        )
    _check_view(requirement, Measurable.of(what))


def _check_fact(requirement: Requirement, names: tuple[str, ...], keys: tuple[str, ...]) -> None:
    """Refuses a fact with no values, one that is a metric, and one that nobody states but that is nearly either."""
    key = requirement.metric
    if not requirement.values:
        raise RequirementError(f"{requirement}: no value is given.", "Name at least one: licence in [MIT].")
    if key_of(key) in {key_of(stated) for stated in keys}:
        return
    if key in names:
        raise RequirementError(f"{requirement}: {key} is measured.", f"Give a bar: {key} >= 0.9, or the like.")
    near = difflib.get_close_matches(key, (*keys, *names), n=1, cutoff=0.8)
    if near:
        raise RequirementError(f"{requirement}: no candidate says {key!r} in its metadata.", did_you_mean(key, near))


def _check_view(requirement: Requirement, measurable: Measurable) -> None:
    views = [view for view in (requirement.by, requirement.under, requirement.against) if view]
    if not views:
        return
    if len(views) > 1 or requirement.metric == "worst_slice":
        raise RequirementError(f"{requirement} asks for two things at once.", "Make two requirements of it.")
    if requirement.by:
        _check_known(requirement, requirement.by, measurable.slices, "slices", "Name their columns under `slices:`.")
        return
    of_rows = (*_OF_ROWS, *measurable.scorers, *(TOGETHER if requirement.under and measurable.classes else ()))
    if requirement.metric not in of_rows:
        lacking = "has no drop that is measured" if requirement.under else "is not measured on each example by itself"
        found = f"{requirement}: {requirement.metric} {lacking}."
        raise RequirementError(found, f"It can be required of {', '.join(sorted({*of_rows} - {''}))}.")
    if (requirement.op == "<=") != bool(requirement.under):
        raise RequirementError(
            f"{requirement} has the wrong direction.", "A drop is at most (<=), a difference at least (>=) something."
        )
    if requirement.under:
        _check_perturbation(requirement, measurable)


def _check_perturbation(requirement: Requirement, measurable: Measurable) -> None:
    known, under = measurable.perturbations, requirement.under
    if not known and measurable.is_task:
        raise RequirementError(
            f"{requirement}: the task asks every question as it is, so no drop can be seen.",
            f"Ask it under the perturbation too: `robustness: {{{under}: default}}` in the task file.",
        )
    if known and not levels_under(under, known):
        named = tuple(dict.fromkeys(one.rpartition(" ")[0] or one for one in known))
        asked = f"There are: {', '.join((*named, *known))}."
        more = f" To ask it so too: `robustness: {{{under}: default}}`." if measurable.is_task else ""
        raise RequirementError(
            f"{requirement}: nothing is asked under {under!r} here.", near_miss(under, (*known, *named)) or asked + more
        )


def _check_known(requirement: Requirement, name: str, known: tuple[str, ...], what: str, step: str) -> None:
    if name not in known:
        found = f"{requirement}: there are no {what} {name!r} here."
        raise RequirementError(found, did_you_mean(name, known) if known else step)


def measure(requirement: Requirement, cases: Cases, needs: Needs, k: int, level: float) -> Estimate | None:
    """The estimate that a requirement is judged on for candidate k: each end holds at the one-sided level.

    None where there is no record (no price, no probabilities, no row that counts).
    """
    question = Question(cases, needs, k, level, requirement.of)
    name = requirement.metric
    found = _GENERAL.get(name) or (None if _is_scorer(name, cases) else _CLASSIFICATION.get(name))
    estimate = found(question) if found is not None else _scorer(name, question)
    return None if estimate is None else msgspec.structs.replace(estimate, level=level)


def _is_scorer(name: str, cases: Cases) -> bool:
    """Whether a name is a scorer's where nothing has classes: the F1 of words, not that of labels."""
    evaluation = cases.evaluation
    return evaluation.labels is None and name in (evaluation.scorer, *evaluation.scores, *evaluation.counts)


def share_in_time(requirement: Requirement, cases: Cases, k: int, level: float) -> tuple[Requirement, Estimate] | None:
    """A bar on a percentile of latency as what it is: a bar on the share of answers that come in time.

    The 95th percentile is under 0.8 s exactly where more than 95 % of the answers take less. None for other metrics,
    and where there is no answer.
    """
    q = QUANTILES.get(requirement.metric)
    mask, seconds = _waits(cases, k)
    if q is None or not mask.any():
        return None
    share = rate_bounds(seconds <= requirement.bar, cases.groups_at(mask), level, anytime=cases.anytime)
    op: Literal[">=", "<="] = ">=" if requirement.op == "<=" else "<="
    return msgspec.structs.replace(requirement, op=op, bar=q), share


def _narrowings(metric: str, measurable: Measurable) -> tuple[str, ...]:
    if metric == "worst_slice":
        return measurable.slices
    return measurable.classes if metric in (*_NEEDS_NARROWING, "roc_auc", "pr_auc") else ()


# Values of rows --------------------------------------------------------------------------------------------------


def row_values(name: str, question: Question) -> tuple[Floats, Bools]:
    """The value that each row (rows,) has in a metric that is a mean of such values, and which rows count.

    Where a metric can be had for each row, candidates and perturbations can be compared on the same examples.
    """
    found = _OF_ROWS.get(name)
    return found(question) if found is not None else _scores(name, question)


def _solved_rows(question: Question) -> tuple[Floats, Bools]:
    cases, k = question.cases, question.k
    return cases.solved[k].astype(np.float64), cases.counted[k]


def _recall_rows(question: Question) -> tuple[Floats, Bools]:
    """Of the rows of a class, those answered with it; a failure that counts is a miss."""
    labels, code = _class(question)
    cases, k = question.cases, question.k
    hits = (labels.predicted[k] == code) & cases.scored[k]
    return hits.astype(np.float64), cases.counted[k] & (labels.target == code)


def _scores(name: str, question: Question) -> tuple[Floats, Bools]:
    """The value of a scorer; a failure that counts is worth 0."""
    cases, k, evaluation = question.cases, question.k, question.cases.evaluation
    values = evaluation.value[k] if name == evaluation.scorer else evaluation.scores[name][k]
    return np.where(cases.scored[k], values, 0.0), cases.counted[k]


# Rates -----------------------------------------------------------------------------------------------------------


def _rate(question: Question, *, of: RowValues) -> Estimate | None:
    """The share of rows, of a metric whose rows are 0 or 1."""
    values, mask = of(question)
    return question.cases.rate_bounds(values, mask, question.level) if mask.any() else None


def _failure_rate(question: Question) -> Estimate | None:
    cases, k = question.cases, question.k
    mask = cases.asked[k]
    return cases.rate_bounds(cases.failed[k], mask, question.level) if mask.any() else None


def _precision(question: Question) -> Estimate | None:
    """Of the rows that were answered with a class, the share that is of it; a failure answers nothing."""
    labels, code = _class(question)
    cases, k = question.cases, question.k
    mask = cases.scored[k] & (labels.predicted[k] == code) & (labels.target >= 0)
    hits = labels.target == code
    return cases.rate_bounds(hits, mask, question.level) if mask.any() else None


def _class(question: Question) -> tuple[Labels, int]:
    labels = question.cases.evaluation.labels
    if labels is None:  # check_requirement lets no such question through
        raise RequirementError(f"{question.of!r} is a class, and this task has none.", "Require accuracy instead.")
    return labels, labels.classes.index(question.of)


# Scores, seconds, money ------------------------------------------------------------------------------------------


def _scorer(name: str, question: Question) -> Estimate | None:
    """The mean value of a scorer, or its measure of all answers together; a failure that counts is worth 0."""
    if name in question.cases.evaluation.counts:
        return _one_sided(counted_measure(question.cases, name, question.k, question.level, one_sided=True))
    values, mask = _scores(name, question)
    if not mask.any():
        return None
    return _one_sided(mean_score(values[mask], question.cases.groups_at(mask), question.two_sided))


def _latency(question: Question, *, q: float) -> Estimate | None:
    """A percentile of latency, to be shown; it is judged on `share_in_time`. An open end: longer than any answer."""
    cases, k = question.cases, question.k
    mask, seconds = _waits(cases, k)
    if not mask.any():
        return None
    estimate = quantile(seconds, q, cases.groups_at(mask), question.two_sided)
    value, low, high = (
        None if end is None or end >= _NEVER_S / 100 else end for end in (estimate.value, estimate.low, estimate.high)
    )
    return _one_sided(msgspec.structs.replace(estimate, value=value, low=low, high=high))


def _waits(cases: Cases, k: int) -> tuple[Bools, Floats]:
    """Which rows have a latency, and the seconds; a failure that counts took longer than any bar.

    None where answers came that were not timed.
    """
    mask = cases.asked[k] if cases.policy == POLICIES[0] else cases.asked[k] & ~cases.failed[k]
    mask = mask & cases.timed[k]
    return mask, np.where(cases.failed[k], _NEVER_S, cases.evaluation.latency_s[k])[mask]


def _cost(question: Question, *, factor: float) -> Estimate | None:
    cost = cost_per_case(question.cases, question.k, question.two_sided)
    return _one_sided(cost and cost.times(factor))


def _cost_per_solved(question: Question) -> Estimate | None:
    return solved_cost(question.cases, question.k, question.level, one_sided=True)


def _net_value(question: Question) -> Estimate | None:
    return net_value(question.cases, question.k, question.needs, question.level, one_sided=True)


def _one_sided(estimate: Estimate | None) -> Estimate | None:
    if estimate is None:
        return None
    return msgspec.structs.replace(estimate, method=f"{estimate.method}, each end one-sided")


# Measures of a whole column --------------------------------------------------------------------------------------


def _corpus(question: Question, *, name: str, of_probabilities: bool) -> Estimate | None:
    """A measure of scikit-learn's, its variance from leaving out blocks of rows."""
    rows = _rows(question, of_probabilities=of_probabilities)
    statistic = _statistic(question, rows, name=name, of_probabilities=of_probabilities)
    value = statistic(np.arange(len(rows))) if len(rows) else None
    if value is None:
        return None
    groups = question.cases.groups_at(_mask(len(question.cases.clean), rows))
    generator = np.random.default_rng(0)  # only which rows share a block: the same decision every time
    variance = jackknife_variance(statistic, len(rows), generator, groups=groups, blocks=_BLOCKS)
    n = len(rows) if groups is None else len(np.unique(groups))
    if name == "log_loss":
        return _log_loss(value, variance, n, question.two_sided)
    edge = 0.0
    if variance is not None and name in _OVER_CLASSES:
        added = _rare_classes(question, rows, name)
        variance, edge = variance + added, added**0.5
    if variance is None:
        return Estimate(value=value, low=0.0, high=1.0, level=question.level, n=n, unit="rate", method=f"{name}, open")
    doubted = min(n, _rests_on(question, rows, name))
    method = f"{name}: jackknife variance, Clopper–Pearson on the effective sample size"
    estimate = rate_of_variance(value, variance, question.level, rows=n, doubted=doubted, n=n, method=method, edge=edge)
    return _less_chance(question, rows, estimate) if name == "ece" else estimate


def _rare_classes(question: Question, rows: Ints, name: str) -> float:
    """What the few rows of rare classes may hide of the variance of a mean over classes."""
    labels, k = question.cases.evaluation.labels, question.k
    if labels is None:
        return 0.0
    codes = labels.predicted[k][rows] if name == "macro_precision" else labels.target[rows]
    return variance_of_rare_classes(np.bincount(codes[codes >= 0], minlength=len(labels.classes)))


def _less_chance(question: Question, rows: Ints, estimate: Estimate) -> Estimate:
    """A calibration error whose low end leaves out what chance alone makes of perfect probabilities.

    Gaps are taken without their sign, so the error found on few rows is too high: 0 is never found. How much too high
    it is at most, is drawn: the mean error where the targets come from the given probabilities. The high end needs no
    correction, it errs to the careful side. Bröcker & Smith (2007), doi:10.1175/WAF993.1, draw the same for diagrams.
    """
    from merits.scorers.corpus import METRICS

    labels, k = question.cases.evaluation.labels, question.k
    if labels is None or estimate.low is None:
        return estimate
    given, predicted = labels.probabilities[k][rows], labels.predicted[k][rows]
    steps = np.cumsum(given, axis=1, dtype=np.float64)
    generator = np.random.default_rng(0)
    found = []
    for _ in range(_DRAWS):
        thresholds = generator.random((len(rows), 1)) * steps[:, -1:]
        found.append(METRICS["ece"](np.argmax(steps > thresholds, axis=1), predicted, given, labels.classes) or 0.0)
    low = max(estimate.low - float(np.mean(found)), 0.0)
    return msgspec.structs.replace(estimate, low=low, method=f"{estimate.method}, low end less what chance makes")


def _rows(question: Question, *, of_probabilities: bool) -> Ints:
    """The numbers of the rows a measure is on: counted, target known, and with probabilities if it needs them."""
    cases, k = question.cases, question.k
    labels = cases.evaluation.labels
    if labels is None:
        return np.arange(0)
    mask = cases.counted[k] & (labels.target >= 0)
    if of_probabilities:
        if k not in labels.probabilities:
            return np.arange(0)
        mask &= cases.scored[k] & (labels.probabilities[k].sum(axis=1) > 0)
    return np.flatnonzero(mask)


def _statistic(question: Question, rows: Ints, *, name: str, of_probabilities: bool) -> Callable[[Ints], float | None]:
    from merits.scorers.corpus import METRICS, PER_CLASS

    cases, k, labels = question.cases, question.k, question.cases.evaluation.labels
    if labels is None:
        return lambda chosen: None
    target = labels.target[rows]
    predicted = np.where(cases.scored[k], labels.predicted[k], -1)[rows]
    probabilities = labels.probabilities[k][rows] if of_probabilities and k in labels.probabilities else None

    def statistic(chosen: Ints) -> float | None:
        given = None if probabilities is None else probabilities[chosen]
        if question.of:
            code = labels.classes.index(question.of)
            return PER_CLASS[name](target[chosen], predicted[chosen], given, code)
        return METRICS[name](target[chosen], predicted[chosen], given, labels.classes)

    return statistic


def _rests_on(question: Question, rows: Ints, name: str) -> int:
    """How many rows a measure can at most rest on: those of one class, where it is about one class."""
    labels, k = question.cases.evaluation.labels, question.k
    if labels is None:
        return 0
    code = labels.classes.index(question.of) if question.of else 1 if len(labels.classes) == 2 else None
    is_class = labels.target[rows] == code
    if name in ("roc_auc", "pr_auc") and code is not None:
        return int(min(is_class.sum(), (~is_class).sum()))
    if question.of:
        return int(np.count_nonzero(is_class | (labels.predicted[k][rows] == code)))
    return len(rows)


def _log_loss(value: float, variance: float | None, n: int, level: float) -> Estimate:
    half = None if variance is None else float(t_critical(level, min(n, _BLOCKS) - 1)) * variance**0.5
    return Estimate(
        value=value,
        low=None if half is None else max(value - half, 0.0),
        high=None if half is None else value + half,
        level=level,
        n=n,
        unit="score",
        method="log loss: jackknife variance, t, each end one-sided",
    )


def _mask(size: int, rows: Ints) -> Bools:
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    return mask


Measure = Callable[[Question], Estimate | None]
RowValues = Callable[[Question], tuple[Floats, Bools]]

_OF_ROWS: Mapping[str, RowValues] = MappingProxyType(
    {"accuracy": _solved_rows, "solved": _solved_rows, "quality": _solved_rows, "recall": _recall_rows}
)


def _solved(question: Question) -> Estimate | None:
    """The share solved; where people labelled some answers, with the scorer's error in it."""
    by_people = corrected_share(question.cases, question.k, question.level, one_sided=True)
    return _rate(question, of=_solved_rows) if by_people is None else by_people


_OVER_CLASSES = ("macro_f1", "macro_precision", "macro_recall")
_OF_LABELS = ("f1", "macro_f1", "macro_precision", "macro_recall", "weighted_f1")
_OF_PROBABILITIES = ("log_loss", "roc_auc", "pr_auc", "ece")
_GENERAL: Mapping[str, Measure] = MappingProxyType(
    {
        "accuracy": _solved,
        "solved": _solved,
        "quality": _solved,
        "failure_rate": _failure_rate,
        **{name: partial(_latency, q=q) for name, q in QUANTILES.items()},
        "cost_per_case": partial(_cost, factor=1.0),
        "cost_per_1000": partial(_cost, factor=1000.0),
        "cost_per_solved": _cost_per_solved,
        "net_value_per_case": _net_value,
    }
)
_CLASSIFICATION: Mapping[str, Measure] = MappingProxyType(
    {
        "recall": partial(_rate, of=_recall_rows),
        "precision": _precision,
        **{name: partial(_corpus, name=name, of_probabilities=False) for name in _OF_LABELS},
        **{name: partial(_corpus, name=name, of_probabilities=True) for name in _OF_PROBABILITIES},
    }
)
_NEEDS_NARROWING = ("recall", "precision", "f1", "worst_slice")
