"""Who is dominated when nothing is weighed against anything: on quality, cost, latency and robustness together.

Every claim that one candidate is better than another in one of these is corrected for all pairs and dimensions.
Certainly dominated: another one is certainly better in every dimension, or just equal in one (the same price). On the
frontier: certainly better than each other one in some dimension. In between the data do not tell: possibly dominated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from merits.core.economics import Place, Position
from merits.core.estimate import Estimate
from merits.deciding.assessment import Assessment
from merits.stats.critical import Bools, Floats, Ints, t_critical
from merits.stats.paired import compare_all, holm

__all__ = ["Positions", "positions"]

_TICK_S = 1e-6  # no clock tells less: keeps the logarithm of no time finite


@dataclass(frozen=True)
class Positions:
    """The position of every assessed candidate, the dimensions they were compared in, and how."""

    each: tuple[Position, ...]
    dimensions: tuple[str, ...]
    method: str


@dataclass(frozen=True)
class _Dimension:
    """All pairs in one dimension, more being better: how they differ, the p-values, and who is exactly equal."""

    name: str
    difference: Floats
    p_values: Floats
    equal: Bools


def positions(assessment: Assessment) -> Positions | None:
    """None with fewer than two assessed candidates."""
    members = assessment.cases.assessed
    if len(members) < 2:
        return None
    drops = _drops(assessment, members)
    found = [_quality(assessment, members), _cost(assessment, members), _latency(assessment, members)]
    dimensions = [one for one in (*found, _robustness(assessment, members, drops)) if one is not None]
    better = _certainly_better(dimensions, assessment.needs.confidence)
    placed = [_place(i, dimensions, better) for i in range(len(members))]
    each = tuple(
        Position(
            candidate=assessment.names[k],
            place=place,
            by="" if by is None else assessment.names[members[by]],
            drop=None if drops is None else _drop(drops[i], assessment),
        )
        for i, (k, (place, by)) in enumerate(zip(members, placed, strict=True))
    )
    names = tuple(one.name for one in dimensions)
    pairs = len(members) * (len(members) - 1) // 2
    method = (
        f"paired comparisons on the same examples in {', '.join(names)}; Holm over {pairs * len(names)} "
        f"comparisons, {100 * assessment.needs.confidence:g} %"
    )
    return Positions(each, names, method)


def _place(i: int, dimensions: Sequence[_Dimension], better: Bools) -> tuple[Place, int | None]:
    """The place of the i-th, and which other one dominates it or may; `better` (dimensions, k, k) is of the row."""
    others = [j for j in range(better.shape[1]) if j != i]
    no_worse = better | np.stack([one.equal for one in dimensions])
    for j in others:
        if no_worse[:, j, i].all() and better[:, j, i].any():
            return "certainly dominated", j
    open_to = [j for j in others if not better[:, i, j].any()]
    return ("possibly dominated", _strongest(i, open_to, dimensions)) if open_to else ("on the frontier", None)


def _strongest(i: int, open_to: Sequence[int], dimensions: Sequence[_Dimension]) -> int:
    """The one that looks better in most dimensions."""
    wins = {j: sum(float(one.difference[j, i]) > 0 for one in dimensions) for j in open_to}
    return max(open_to, key=lambda j: (wins[j], -j))


def _certainly_better(dimensions: Sequence[_Dimension], confidence: float) -> Bools:
    size = len(dimensions[0].p_values)
    above = np.triu_indices(size, 1)
    adjusted = holm(np.concatenate([one.p_values[above] for one in dimensions]))
    better = np.zeros((len(dimensions), size, size), dtype=np.bool_)
    for at, (one, p) in enumerate(zip(dimensions, np.split(adjusted, len(dimensions)), strict=True)):
        certain = np.zeros((size, size), dtype=np.bool_)
        certain[above] = p <= 1.0 - confidence
        better[at] = (certain | certain.T) & (one.difference > 0)
    return better


def _compared(
    name: str, values: Floats, counted: Bools, assessment: Assessment, *, scale: float, exact: bool
) -> _Dimension:
    """All pairs of values, more being better. With `exact`, values that never differ are equal (a price by call)."""
    cases = assessment.cases
    pairs = replace(compare_all(values, counted, cases.groups, scale=scale), anytime=cases.anytime)
    same = (pairs.difference == 0.0) & (pairs.error == 0.0) if exact else np.zeros_like(pairs.n, dtype=np.bool_)
    return _Dimension(name, pairs.centre, pairs.p_values, same & (pairs.n > 0))


def _quality(assessment: Assessment, members: Sequence[int]) -> _Dimension:
    at = list(members)
    cases = assessment.cases
    values = cases.solved[at].astype(np.float64)
    return _compared("quality", values, cases.counted[at], assessment, scale=1.0, exact=False)


def _cost(assessment: Assessment, members: Sequence[int]) -> _Dimension | None:
    """None where no two have a price. One without a price is neither cheaper nor dearer than any other."""
    at = list(members)
    cases = assessment.cases
    priced = cases.evaluation.priced[at]
    if priced.sum() < 2:
        return None
    counted = cases.asked[at] & priced[:, None]
    return _compared("cost", -cases.evaluation.cost[at], counted, assessment, scale=0.0, exact=True)


def _latency(assessment: Assessment, members: Sequence[int]) -> _Dimension | None:
    """On the logarithm, so that a few slow answers do not decide; None where no time was measured."""
    at = list(members)
    cases = assessment.cases
    answered = cases.asked[at] & ~cases.failed[at]
    seconds = cases.evaluation.latency_s[at]
    if not (seconds * answered).any(axis=1).all() or not cases.timed[at].all():
        return None
    return _compared("latency", -np.log(seconds + _TICK_S), answered, assessment, scale=0.0, exact=False)


def _drops(assessment: Assessment, members: Sequence[int]) -> list[Floats] | None:
    """What each candidate loses under perturbation, by example; None where nothing is perturbed."""
    cases, evaluation = assessment.cases, assessment.cases.evaluation
    if cases.clean.all():
        return None
    codes = np.unique(evaluation.examples, return_inverse=True)[1]
    return [_by_example(codes, evaluation.scored[k], evaluation.solved[k], cases.clean) for k in members]


def _by_example(codes: Ints, scored: Bools, solved: Bools, clean: Bools) -> Floats:
    """The share solved as it is less the share solved perturbed, of each example; NaN where either was not scored."""
    shares = []
    for mask in (scored & clean, scored & ~clean):
        n = np.bincount(codes, weights=mask, minlength=int(codes.max()) + 1)
        right = np.bincount(codes, weights=mask & solved, minlength=len(n))
        shares.append(np.divide(right, n, out=np.full(len(n), np.nan), where=n > 0))
    return np.asarray(shares[0] - shares[1])


def _robustness(assessment: Assessment, members: Sequence[int], drops: Sequence[Floats] | None) -> _Dimension | None:
    if drops is None:
        return None
    table = np.stack(drops)
    counted = np.isfinite(table)
    if not counted.any(axis=1).all():
        return None
    pairs = compare_all(-np.where(counted, table, 0.0), counted, None, scale=1.0)
    return _Dimension("robustness", pairs.centre, pairs.p_values, np.zeros_like(pairs.n, dtype=np.bool_))


def _drop(drops: Floats, assessment: Assessment) -> Estimate:
    """The mean loss of quality under perturbation, with Bonett and Price's made-up rows and t."""
    level, known = assessment.needs.confidence, drops[np.isfinite(drops)]
    n = len(known)
    rows = n + 2.0
    centre = float(known.sum()) / rows
    error = np.sqrt(max((float((known**2).sum()) + 2.0) / rows - centre**2, 0.0) / rows)
    half = float(t_critical(level, n + 1)) * float(error)
    return Estimate(
        value=float(known.mean()) if n else None,
        low=max(centre - half, -1.0) if n else None,
        high=min(centre + half, 1.0) if n else None,
        level=level,
        n=n,
        unit="points",
        method="paired, clean less perturbed, Bonett–Price with t",
    )
