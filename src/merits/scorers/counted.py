"""Statistics of all answers together that are functions of sums: BLEU, error rates, ratios, errors of forecasts.

A scorer hands over the counts of each answer (`Score.counts`); here stands what the sums of them come to. Knows
nothing about how an answer is counted, or about intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from merits.core.estimate import Unit
from merits.core.outcome import Counts
from merits.scorers import picture_sets

__all__ = [
    "STATISTICS",
    "CountedStatistic",
    "bleu_of",
    "chrf_of",
    "determination_of",
    "f1_of",
    "fits",
    "ratio_of",
    "root_of",
]

Floats = NDArray[np.float64]
_ORDERS = 4
_CHARACTERS = 6  # orders of n-grams of characters in chrF
_BETA = 2


@dataclass(frozen=True)
class CountedStatistic:
    """What sums of counts (..., n_columns) come to.

    `value` maps them to values (...), nan where there is nothing to go by. `nothing` are the counts of an empty answer
    to the question that an answer's counts are of: how a question counts that could not be asked. `given` is the column
    that is the question's, whoever answers it (the words of its target): a row is at most as much evidence; 0 where an
    answer could not be counted. `unit` is that of the values: a rate (shown in per cent), a value (an error in the unit
    of the targets), or a score, a plain number. `scale` is where values can lie: a "rate" from 0 to 1 (an error rate
    sometimes above), "from_zero" on, "up_to_one", or anywhere on the "line". `signed` is where its counts may be
    negative. `remark` is what a reader of its values must know.
    """

    name: str
    n_columns: int
    value: Callable[[Floats], Floats]
    nothing: Callable[[Floats], Floats]
    given: int
    higher_is_better: bool
    unit: Unit = "rate"
    scale: Literal["rate", "from_zero", "up_to_one", "line"] = "rate"
    signed: bool = False
    remark: str = ""


def chrf_of(sums: Floats) -> Floats:
    """Corpus chrF, 0..1, from n-grams of the answers, of the references and in both, order by order.

    Popović (2015), doi:10.18653/v1/W15-3049, as sacreBLEU has it: precision and recall are means over the orders that
    both sides have n-grams of, and recall counts twice (beta 2).

    >>> round(float(chrf_of(np.array([14.0, 17, 14, 13, 16, 12]))), 4)
    0.8164
    """
    said, wanted, both = (sums[..., part::3] for part in range(3))
    there = (said > 0) & (wanted > 0)
    n = there.sum(axis=-1)
    precision, recall = (
        np.where(there, both / np.where(of > 0, of, 1.0), 0.0).sum(axis=-1) / np.where(n > 0, n, 1)
        for of in (said, wanted)
    )
    weight = _BETA**2
    below = weight * precision + recall
    value = (1.0 + weight) * precision * recall / np.where(below > 0, below, 1.0)
    return np.asarray(np.where(wanted[..., 0] > 0, value, math.nan))


def bleu_of(sums: Floats) -> Floats:
    """Corpus BLEU, 0..1, from matches and totals of n-grams (1 to 4 each), the answers' and the references' lengths.

    Papineni et al. (2002), doi:10.3115/1073083.1073135, with the exponential smoothing of mteval-v13a, as sacreBLEU
    has it (Post 2018, arXiv 1804.08771): the k-th order without a match counts as 1/2ᵏ matches.

    >>> round(float(bleu_of(np.array([5.0, 3, 2, 1, 5, 4, 3, 2, 5, 6]))), 4)
    0.5789
    """
    matches, totals = sums[..., :_ORDERS], sums[..., _ORDERS : 2 * _ORDERS]
    length, reference = sums[..., 2 * _ORDERS], sums[..., 2 * _ORDERS + 1]
    smoothed = np.where(matches > 0, matches, 0.5 ** np.cumsum(matches <= 0, axis=-1))
    precisions = np.where(totals > 0, smoothed / np.where(totals > 0, totals, 1.0), 0.0)
    brevity = np.minimum(1.0, np.exp(1.0 - reference / np.where(length > 0, length, 1.0)))
    with np.errstate(divide="ignore"):
        geometric = np.exp(np.log(precisions).mean(axis=-1))
    value = np.where((matches > 0).any(axis=-1), brevity * geometric, 0.0)
    return np.asarray(np.where(reference > 0, value, math.nan))


def ratio_of(sums: Floats) -> Floats:
    """The first sum over the second; nan where the second is 0.

    >>> ratio_of(np.array([[3.0, 12.0], [0.0, 0.0]])).tolist()
    [0.25, nan]
    """
    top, bottom = sums[..., 0], sums[..., 1]
    return np.asarray(np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), math.nan))


def f1_of(sums: Floats) -> Floats:
    """Twice what is right over all that was said and all that was wanted; nan where nothing was either.

    >>> f1_of(np.array([[3.0, 4.0, 6.0], [0.0, 0.0, 0.0]])).tolist()
    [0.6, nan]
    """
    right, both = sums[..., 0], sums[..., 1] + sums[..., 2]
    return np.asarray(np.where(both > 0, 2 * right / np.where(both > 0, both, 1.0), math.nan))


def root_of(sums: Floats) -> Floats:
    """The root of the first sum over the second: of squared errors, the root mean squared error.

    >>> root_of(np.array([8.0, 2.0])).tolist()
    2.0
    """
    return np.asarray(np.sqrt(ratio_of(sums)))


def determination_of(sums: Floats) -> Floats:
    """R², from squared errors, rows, targets and squared targets: 1 less the errors over those of the targets' mean.

    nan where all targets are one. Targets are summed in double precision: of targets that lie 10⁶ standard deviations
    from 0, take the distance from some round number instead.

    >>> determination_of(np.array([1.0, 4.0, 10.0, 30.0])).tolist()
    0.8
    """
    error, n, total, squares = (sums[..., part] for part in range(4))
    spread = squares - total * total / np.where(n > 0, n, 1.0)
    there = spread > 1e-12 * squares
    return np.asarray(np.where(there, 1.0 - error / np.where(there, spread, 1.0), math.nan))


def fits(counts: Counts) -> bool:
    """Whether counts are of a statistic there is, as many as it takes, and none no number or wrongly negative.

    >>> fits(Counts("error_rate", (1.0, 8.0))), fits(Counts("error_rate", (1.0,))), fits(Counts("rouge", (1.0,)))
    (True, False, False)
    """
    statistic = STATISTICS.get(counts.statistic)
    if statistic is None or len(counts.values) != statistic.n_columns:
        return False
    return all(math.isfinite(value) and (value >= 0 or statistic.signed) for value in counts.values)


def _none_said(counts: Floats) -> Floats:
    empty = np.zeros_like(counts)
    empty[..., 1::3] = counts[..., 1::3]
    return empty


def _chrf(name: str, n_orders: int) -> CountedStatistic:
    return CountedStatistic(
        name=name, n_columns=3 * n_orders, value=chrf_of, nothing=_none_said, given=1, higher_is_better=True
    )


def _error_rate(name: str) -> CountedStatistic:
    """Who says nothing left out all that was wanted."""
    return CountedStatistic(
        name=name,
        n_columns=2,
        value=ratio_of,
        nothing=lambda counts: np.asarray(np.repeat(counts[..., 1:], 2, axis=-1)),
        given=1,
        higher_is_better=False,
    )


def _no_translation(counts: Floats) -> Floats:
    empty = np.zeros_like(counts)
    empty[..., -1] = counts[..., -1]
    return empty


def _as_the_mean(counts: Floats) -> Floats:
    """Whoever says no number gets the squared error of the mean of the targets (third column)."""
    return _with_error(counts, (counts[..., 2] - counts[..., 2].mean()) ** 2)


def _as_the_median(counts: Floats) -> Floats:
    """Whoever says no number gets the absolute error of the median of the targets (third column)."""
    return _with_error(counts, np.abs(counts[..., 2] - np.median(counts[..., 2])))


def _as_the_median_at_all_quantiles(counts: Floats) -> Floats:
    """Whoever says no number gets the loss of the targets' median, at quantiles whose mean is the fourth column."""
    off = counts[..., 2] - np.median(counts[..., 2])
    return _with_error(counts, np.maximum(counts[..., 3] * off, (counts[..., 3] - 1.0) * off))


def _with_error(counts: Floats, error: Floats) -> Floats:
    return np.concatenate([np.asarray(error)[..., None], counts[..., 1:]], axis=-1)


_OF_PICTURES = (
    f"of {picture_sets.DIMENSIONS} projections of what its features see of a picture, not of the 2,048 features of "
    "Inception: compare it between candidates here, at the same number of pictures, and with no published figure"
)
STATISTICS: Mapping[str, CountedStatistic] = MappingProxyType(
    {
        "bleu": CountedStatistic(
            name="corpus BLEU",
            n_columns=2 * _ORDERS + 2,
            value=bleu_of,
            nothing=_no_translation,
            given=2 * _ORDERS + 1,
            higher_is_better=True,
        ),
        "chrf": _chrf("corpus chrF", _CHARACTERS),
        "chrf++": _chrf("corpus chrF++", _CHARACTERS + 2),
        "ter": _error_rate("corpus TER"),
        "error_rate": _error_rate("errors over all that is right"),
        "word_error_rate": _error_rate("word error rate"),
        "character_error_rate": _error_rate("character error rate"),
        "f1": CountedStatistic(
            name="F1 over all spans",
            n_columns=3,
            value=f1_of,
            nothing=lambda counts: np.asarray(counts * np.array([0.0, 0.0, 1.0])),
            given=2,
            higher_is_better=True,
        ),
        "ratio": CountedStatistic(
            name="mean over what was wanted",
            n_columns=2,
            value=ratio_of,
            nothing=lambda counts: np.asarray(counts * np.array([0.0, 1.0])),
            given=1,
            higher_is_better=True,
        ),
        "real_time_factor": CountedStatistic(
            name="seconds taken for each second of sound",
            n_columns=2,
            value=ratio_of,
            nothing=np.zeros_like,  # what could not be asked says nothing of how fast the rest was
            given=1,
            higher_is_better=False,
            unit="value",
            scale="from_zero",
        ),
        "coverage": CountedStatistic(
            name="share of the targets inside the interval",
            n_columns=2,
            value=ratio_of,
            nothing=lambda counts: np.asarray(counts * np.array([0.0, 1.0])),
            given=1,
            higher_is_better=True,
        ),
        "width": CountedStatistic(
            name="mean width of the interval",
            n_columns=2,
            value=ratio_of,
            nothing=np.zeros_like,  # an interval that was not given has no width; `coverage` counts it as missed
            given=1,
            higher_is_better=False,
            unit="value",
            scale="from_zero",
        ),
        "mean_error": CountedStatistic(
            name="mean absolute error",
            n_columns=3,
            value=ratio_of,
            nothing=_as_the_median,
            given=1,
            higher_is_better=False,
            unit="value",
            scale="from_zero",
            signed=True,
        ),
        "root_error": CountedStatistic(
            name="root mean squared error",
            n_columns=3,
            value=root_of,
            nothing=_as_the_mean,
            given=1,
            higher_is_better=False,
            unit="value",
            scale="from_zero",
            signed=True,
        ),
        "determination": CountedStatistic(
            name="R²: share of the targets' variance that is explained",
            n_columns=4,
            value=determination_of,
            nothing=_as_the_mean,
            given=1,
            higher_is_better=True,
            unit="score",
            scale="up_to_one",
            signed=True,
        ),
        "pinball": CountedStatistic(
            name="mean pinball loss",
            n_columns=4,
            value=ratio_of,
            nothing=_as_the_median_at_all_quantiles,
            given=1,
            higher_is_better=False,
            unit="value",
            scale="from_zero",
            signed=True,
        ),
        "fid": CountedStatistic(
            name="Fréchet distance of the pictures from the wanted ones, larger the fewer there are",
            remark=_OF_PICTURES,
            n_columns=picture_sets.FID_COLUMNS,
            value=picture_sets.fid_of,
            nothing=picture_sets.as_blank_in_fid,
            given=0,
            higher_is_better=False,
            unit="score",
            scale="from_zero",
            signed=True,
        ),
        "kid": CountedStatistic(
            name="kernel distance of the pictures from the wanted ones",
            remark=_OF_PICTURES,
            n_columns=picture_sets.KID_COLUMNS,
            value=picture_sets.kid_of,
            nothing=picture_sets.as_blank_in_kid,
            given=0,
            higher_is_better=False,
            unit="score",
            scale="line",
            signed=True,
        ),
        "diversity": CountedStatistic(
            name="distance between the pictures over that between the wanted ones",
            n_columns=picture_sets.DIVERSITY_COLUMNS,
            value=picture_sets.diversity_of,
            nothing=picture_sets.without_picture,
            given=0,
            higher_is_better=True,
            unit="score",
            scale="from_zero",
            signed=True,
        ),
    }
)
"""By name: "bleu" (matches of 1 to 4 words, totals of 1 to 4, length, reference length), "chrf" (for 1 to 6 characters:
n-grams said, wanted, both), "chrf++" (the same, then for 1 and 2 words), "ter" (edits, words), "error_rate",
"word_error_rate" and "character_error_rate" (errors, what the target has; lower is better), "f1" (right, said, wanted),
"ratio" (any two counts; higher is better), "real_time_factor" (seconds taken, seconds of sound; lower is better). Of
pictures beside those that were wanted (`picture_sets`): "fid", "kid" (lower is better) and "diversity".
Of forecasts of numbers: "coverage" (inside or not, 1), "width"
(width, 1), "mean_error" (absolute error, 1, target), "root_error" (squared error, 1, target), "determination" (squared
error, 1, target, squared target), "pinball" (loss, 1, target, mean quantile)."""
