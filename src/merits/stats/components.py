"""Where the variance of one answer's score comes from: the example, the run (asked again), the judge (judged again).

Knows nothing about what a score is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merits.core.estimate import Estimate
from merits.stats.bootstrap import resampled_sums
from merits.stats.critical import Floats, Ints, t_critical

__all__ = ["Components", "components"]

_RESAMPLES = 500
_FEWEST = 30
_MADE_UP = 4.0  # two made-up examples for each of two parts, that are all of one: few examples that agree prove little


@dataclass(frozen=True)
class Components:
    """The shares of the variance of one score, each with its interval; None where nothing was done twice, or to few.

    `variances` are those of example, run and judge in the unit of the score squared, at least 0. `repeats` is the mean
    number of runs of an example, `n` the number of examples (or groups of them).
    """

    example: Estimate | None
    run: Estimate | None
    judge: Estimate | None
    variances: tuple[float, float, float]
    repeats: float
    n: int

    def left_by(self, examples: float, repeats: float, judgements: float = 1.0) -> float:
        """The variance of the mean over so many examples, runs of each, and judgements of each run.

        σ_e²/E + σ_r²/(E·R) + σ_j²/(E·R·J): for as many calls, more examples are never worse than more runs.

        >>> one = Components(None, None, None, (0.16, 0.04, 0.0), 2.0, 100)
        >>> [round(one.left_by(*plan), 5) for plan in ((100, 1), (100, 2), (200, 1))]
        [0.002, 0.0018, 0.001]
        """
        between, run, judge = self.variances
        return (between + (run + judge / judgements) / repeats) / examples


def components(
    scores: Floats, generator: np.random.Generator, groups: Ints | None = None, level: float = 0.95
) -> Components:
    """The components of variance of scores of shape (examples, runs) or (examples, runs, judgements); nan is missing.

    Moments of the nested design, unequal numbers allowed: σ_j² is the variance within a run, σ_r² that of the runs'
    means within an example less what judging adds to it, σ_e² that of the examples' means less what runs add. Searle,
    Casella & McCulloch (1992), Variance Components, section 3.6. Without a second judgement the judge's part is in
    the run's, and `judge` is None; without a second run nothing is known: all are None.

    Intervals: Student's t on the spread over resamples of whole examples (or groups), with made-up examples so that
    few that agree are not certain. For 0/1 scores of 50 examples they cover 90 to 98 %, of 100 and more 92 to 97 %
    (`tests/simulation`); fewer than 30 examples say too little, and give none.

    >>> generator = np.random.default_rng(0)
    >>> hard = generator.random((400, 1))
    >>> found = components((generator.random((400, 3)) < hard) * 1.0, generator)
    >>> found.example is not None and abs(found.example.value - 1 / 3) < 0.1, found.judge is None
    (True, True)
    """
    table, judged = _sums_of(scores)
    n = len(table) if groups is None else len(np.unique(groups))
    variances = _variances(table.sum(axis=0), judged=judged)
    repeats = float(np.isfinite(scores).reshape(*scores.shape[:2], -1).any(axis=2).sum() / max(len(table), 1))
    parts = tuple(float(part) for part in np.maximum(np.nan_to_num(variances), 0.0))
    if not np.isfinite(variances[:2]).all() or sum(parts) <= 0.0 or n < _FEWEST:
        return Components(None, None, None, (parts[0], parts[1], parts[2]), repeats, n)
    drawn = _variances(resampled_sums(table, generator, groups=groups, resamples=_RESAMPLES), judged=judged)
    found = [_share(variances, drawn, part, n, level) for part in range(3)]
    return Components(found[0], found[1], found[2] if judged else None, (parts[0], parts[1], parts[2]), repeats, n)


def _sums_of(scores: Floats) -> tuple[Floats, bool]:
    """For each example what the components are made of, (examples, 9), and whether anything was judged twice."""
    cube = scores if scores.ndim == 3 else scores[..., None]
    there = np.isfinite(cube)
    cube, there = cube[there.any(axis=(1, 2))], there[there.any(axis=(1, 2))]
    n_judged = there.sum(axis=2)
    has_run = n_judged > 0
    run = np.where(there, cube, 0.0).sum(axis=2) / np.maximum(n_judged, 1)
    within = (np.where(there, cube - run[..., None], 0.0) ** 2).sum(axis=(1, 2))
    n_runs = has_run.sum(axis=1)
    mean = np.where(has_run, run, 0.0).sum(axis=1) / n_runs
    between_runs = (np.where(has_run, run - mean[:, None], 0.0) ** 2).sum(axis=1)
    thin = np.where(has_run, 1.0 / np.maximum(n_judged, 1), 0.0).sum(axis=1)
    spare = np.maximum(n_judged - 1, 0).sum(axis=1)
    columns = (np.ones(len(mean)), mean, mean**2, 1.0 / n_runs, between_runs, n_runs - 1, n_runs, thin, within, spare)
    return np.stack(columns, axis=1), bool(spare.any())


def _variances(sums: Floats, *, judged: bool) -> Floats:
    """Those of example, run and judge, (3, ...); may be negative; nan where they are not defined."""
    n, mean, square, inverse, runs, n_spare, n_runs, thin, within, n_judged = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        judge = within / n_judged if judged else np.zeros_like(n)
        of_runs = runs / n_spare
        of_examples = (square - mean**2 / n) / (n - 1.0)
        return np.stack([of_examples - of_runs * inverse / n, of_runs - judge * thin / n_runs, judge])


def _share(variances: Floats, drawn: Floats, part: int, n: int, level: float) -> Estimate:
    value = _shares(variances)[part]
    resampled = _shares(drawn)[part]
    spread = float(np.var(resampled[np.isfinite(resampled)])) * n / (n - 1.0) + _MADE_UP / (n + 2.0) ** 2
    half = float(t_critical(level, n - 1)) * spread**0.5
    return Estimate(
        value=min(max(float(value), 0.0), 1.0),
        low=min(max(float(value) - half, 0.0), 1.0),
        high=min(max(float(value) + half, 0.0), 1.0),
        level=level,
        n=n,
        unit="rate",
        method="components of variance, bootstrap over examples, t",
    )


def _shares(variances: Floats) -> Floats:
    """Each over their sum; not cut at 0, so that percentiles are those of the estimate itself."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(variances / variances.sum(axis=0))
