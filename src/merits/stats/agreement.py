"""How far a judge agrees with people: agreement beyond chance, and what its mistakes depend on.

Knows nothing about what is judged: pairs of yes and no, and a number that mistakes may go with.
"""

from __future__ import annotations

import numpy as np

from merits.core.estimate import Estimate, Unit
from merits.stats.clusters import cluster_sums
from merits.stats.critical import Bools, Floats, Ints, t_critical

__all__ = ["cohen_kappa", "slope"]

_FEWEST = 5  # independent pairs
_MADE_UP = 0.5  # of a pair in each of the four cells


def cohen_kappa(judge: Bools, human: Bools, groups: Ints | None = None, level: float = 0.95) -> Estimate:
    """Cohen's kappa: the agreement beyond chance, over what there could be; 1 perfect, 0 chance, below 0 worse.

    κ = (p - e)/(1 - e), p the share of pairs that agree, e the share that would if both answered at random with their
    own rates of yes. Cohen (1960), doi:10.1177/001316446002000104. The standard error is from the influence of each
    pair (the large-sample variance of Fleiss, Cohen & Everitt 1969, doi:10.1037/h0028106, summed over groups), with
    half a made-up pair in each cell, so that it has a width where all agree. The interval spans the two that Student's
    t gives for κ and for log(1 - κ), a ratio of disagreements: the first reaches too high, the second too low where
    hardly any are wrong. Covers 94 to 99 % at 100 pairs and more, at 30 down to 90 % where nine in ten are solved
    (`tests/simulation/test_judges.py`). No value where both always say the same.

    >>> judge = np.array([True] * 45 + [False] * 5 + [True] * 10 + [False] * 40)
    >>> print(cohen_kappa(judge, np.arange(100) < 50))
    0.700 [0.508–0.827], n = 100
    """
    n_groups = len(judge) if groups is None else len(np.unique(groups))
    both = judge.any() and human.any() and not judge.all() and not human.all()
    value = _kappa(*_shares(judge, human, 0.0)) if len(judge) and (both or bool((judge != human).any())) else None
    if n_groups < _FEWEST or value is None:
        return _estimate(value, None, None, level, n_groups)
    agree, yes, said = _shares(judge, human, _MADE_UP)
    chance = yes * said + (1.0 - yes) * (1.0 - said)
    centre = _kappa(agree, yes, said)
    pairs_judge = np.concatenate([judge, [True, True, False, False]]).astype(np.float64)
    pairs_human = np.concatenate([human, [True, False, True, False]]).astype(np.float64)
    weights = np.concatenate([np.ones(len(judge)), np.full(4, _MADE_UP)])
    codes = np.arange(len(judge)) if groups is None else np.unique(groups, return_inverse=True)[1]
    codes = np.concatenate([codes, codes.max() + 1 + np.arange(4)])
    by_chance = (pairs_judge - yes) * (2.0 * said - 1.0) + (pairs_human - said) * (2.0 * yes - 1.0)
    influence = ((pairs_judge == pairs_human) - agree) * (1.0 - chance) - (1.0 - agree) * by_chance
    influence = weights * influence / (1.0 - chance) ** 2
    sums, _ = cluster_sums(influence, codes)
    variance = n_groups / (n_groups - 1) * float(np.sum(sums**2)) / float(weights.sum()) ** 2
    half = float(t_critical(level, n_groups - 1)) * variance**0.5
    beyond, factor = 1.0 - centre, float(np.exp(min(half / (1.0 - centre), 50.0)))
    low, high = min(centre - half, 1.0 - beyond * factor), max(centre + half, 1.0 - beyond / factor)
    return _estimate(value, max(low, -1.0), min(high, 1.0), level, n_groups)


def slope(
    errors: Floats, of: Floats, groups: Ints | None = None, level: float = 0.95, *, unit: Unit = "points", per: str = ""
) -> Estimate | None:
    """By how much errors from -1 to 1 grow with one more of something: the slope of a line, least squares.

    The variance is the jackknife's over rows (or groups), which holds where errors vary more at some lengths than at
    others (MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7), with two made-up errors of ±1 at a standard
    deviation from the mean, so that it has a width where there is no error; Student's t. None where nothing varies.

    >>> generator = np.random.default_rng(0)
    >>> length = generator.normal(7.0, 1.0, 300)
    >>> kinder = (generator.random(300) < 0.1 + 0.05 * (length - 7.0)) * 1.0
    >>> found = slope(kinder, length)
    >>> found.low < 0.05 < found.high
    True
    """
    codes = np.arange(len(of)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1 if len(codes) else 0
    if n_groups < _FEWEST or float(of.var()) <= 1e-12:
        return None
    columns = np.stack([np.ones(len(of)), of, errors, of * of, of * errors])
    parts = np.stack([np.bincount(codes, weights=column, minlength=n_groups) for column in columns])
    whole = parts.sum(axis=1)
    value = float(_slope_of(whole))
    without = _slope_of(whole[:, None] - parts)
    without = without[np.isfinite(without)]
    spread = (n_groups - 1) / n_groups * float(np.sum((without - without.mean()) ** 2))
    made_up = 2.0 / (len(of) + 2.0) ** 2 / float(of.var())
    half = float(t_critical(level, n_groups - 2)) * (spread + made_up) ** 0.5
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=n_groups,
        unit=unit,
        method=f"slope{' per ' + per if per else ''}, jackknife, t",
    )


def _shares(judge: Bools, human: Bools, made_up: float) -> tuple[float, float, float]:
    """The shares that agree, that the judge and that people say yes to, with so many made-up pairs in each cell."""
    n = len(judge) + 4.0 * made_up
    agree = (float((judge == human).sum()) + 2.0 * made_up) / n
    return agree, (float(judge.sum()) + 2.0 * made_up) / n, (float(human.sum()) + 2.0 * made_up) / n


def _kappa(agree: float, yes: float, said: float) -> float:
    chance = yes * said + (1.0 - yes) * (1.0 - said)
    return (agree - chance) / (1.0 - chance)


def _slope_of(sums: Floats) -> Floats:
    n, x, y, xx, xy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((n * xy - x * y) / (n * xx - x * x))


def _estimate(value: float | None, low: float | None, high: float | None, level: float, n: int) -> Estimate:
    method = "Cohen's kappa, large-sample variance, t, hull with that of log(1 - kappa)"
    return Estimate(value=value, low=low, high=high, level=level, n=n, unit="score", method=method)
