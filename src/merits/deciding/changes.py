"""What changed from one candidate (or run, or version) to another: how much, how sure, on which examples and slices.

Differences are second minus first, on the examples that both have. A change is claimed only where its interval leaves
out 0; slices are corrected for how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, cast

import msgspec
import numpy as np

from merits.core.errors import DataError
from merits.core.estimate import Estimate
from merits.deciding.again import settle_failures
from merits.deciding.amounts import ODDS, about, pieces
from merits.deciding.pairing import Paired, PairingCounts, Side, failed_sides, pair
from merits.deciding.slices import SliceChange, estimate_of, slice_changes
from merits.stats.critical import Bools, Floats
from merits.stats.means import mean, mean_score
from merits.stats.paired import PairedDifferences, compare_all, holm, mcnemar_mid_p, paired_scores, sign_flip_p
from merits.stats.power import examples_for_margin
from merits.stats.rates import rate

__all__ = ["Change", "Flip", "Outcome", "SideSummary", "changes", "difference_of"]

Told: TypeAlias = Literal["better", "worse", "cannot be told apart"]
Outcome: TypeAlias = Literal["solved", "wrong", "failed"]


class SideSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One side: its own quality on the pairs, and what is not in it. `flaky` are solved in some repeats only."""

    label: str
    version: str
    quality: Estimate | None
    n_failed: int
    n_unscored: int
    n_missing: int
    n_repeated: int
    flaky: tuple[str, ...]


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """An example that came out otherwise. `before` and `after` are shares solved over its repeats."""

    example: str
    was: Outcome
    now: Outcome
    before: float
    after: float


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be said of second against first.

    `verdict` is about the second. `difference` counts failures as not solved; `difference_answered` leaves them out
    and is None where nothing failed: where the two disagree, nothing is claimed. `cost` and `latency_s` are
    differences a case, None without a record on both sides. `n_slices` is how many slices were looked at.
    """

    first: SideSummary
    second: SideSummary
    pairing: PairingCounts
    n_compared: int
    measure: Literal["solved", "score"]
    verdict: Told
    difference: Estimate
    p_value: float
    p_method: str
    difference_answered: Estimate | None
    settle: str
    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    slices: tuple[SliceChange, ...]
    n_slices: int
    cost: Estimate | None
    latency_s: Estimate | None
    cautions: tuple[str, ...]


def changes(first: Side, others: Sequence[Side], confidence: float = 0.95) -> tuple[Change, ...]:
    """What changed from the first side to each of the others, corrected for how many others there are.

    Raises DataError, with what each side has, when two sides share no example that both were scored on.

    >>> from merits.testing.evaluations import tiny
    >>> (change,) = changes(Side("steady", tiny(n=40), 0), [Side("broken", tiny(n=40), 1)])
    >>> change.verdict, len(change.lost), change.difference.text()
    ('worse', 20, '-50.0 points [-64.6 to -30.6 points]')
    """
    level = 1.0 - (1.0 - confidence) / max(len(others), 1)
    found = [_change(pair(first, other), level, confidence) for other in others]
    adjusted = holm([change.p_value for change in found]).tolist()
    return tuple(msgspec.structs.replace(change, p_value=p) for change, p in zip(found, adjusted, strict=True))


def difference_of(paired: Paired, level: float, *, failures: bool) -> tuple[Estimate, PairedDifferences, Bools]:
    """Second minus first with its interval, what that rests on, and which pairs counted."""
    counted = paired.counted(failures=failures)
    first, second = paired.shares(failures=failures)
    groups = paired.groups
    compared = compare_all(np.array([second, first]), np.array([counted, counted]), groups)
    pairs = replace(compared, anytime=paired.anytime)
    if paired.by_score and groups is None and counted.any() and not paired.anytime:
        return paired_scores(second[counted] - first[counted], level), pairs, counted
    return estimate_of(pairs, level, grouped=groups is not None), pairs, counted


def _change(paired: Paired, level: float, confidence: float) -> Change:
    _check_common(paired)
    difference, pairs, counted = difference_of(paired, level, failures=True)
    answered = None
    if _any_failed(paired):
        answered, _, _ = difference_of(paired, level, failures=False)
    p_value, p_method = _p_value(paired, counted, pairs)
    verdict = _told(difference)
    if answered is not None and _told(answered) != verdict:
        verdict = "cannot be told apart"
    flips = list(_flips(paired, counted))
    slices, n_slices = slice_changes(paired, counted, confidence)
    return Change(
        first=_summary(paired, level, paired.first, second=False),
        second=_summary(paired, level, paired.second, second=True),
        pairing=paired.counts,
        n_compared=int(counted.sum()),
        measure="score" if paired.by_score else "solved",
        verdict=verdict,
        difference=difference,
        p_value=p_value,
        p_method=p_method,
        difference_answered=answered,
        settle=_settle(paired, difference, answered, level) if verdict == "cannot be told apart" else "",
        gained=tuple(flip for flip in flips if flip.now == "solved"),
        lost=tuple(flip for flip in flips if flip.was == "solved"),
        slices=slices,
        n_slices=n_slices,
        cost=_cost(paired, level),
        latency_s=_latency(paired, level),
        cautions=tuple(_cautions(paired)),
    )


def _check_common(paired: Paired) -> None:
    if paired.counted(failures=True).any():
        return
    counts, (one, two) = paired.counts, (paired.first, paired.second)
    if counts.n_paired:
        found = f"{one.label} and {two.label} share {pieces(counts.n_paired)}, and none was scored on both sides."
        raise DataError(found, "Run them again, or look at why nothing could be scored.")
    ids = [", ".join(side.evaluation.examples[side.examples.row[:3]].tolist()) for side in (one, two)]
    changed = f" ({pieces(counts.n_changed)} have the same id and another input)" if counts.n_changed else ""
    raise DataError(
        f"{one.label} and {two.label} have no example in common{changed}: the first has {ids[0]}, …; the second "
        f"{ids[1]}, …",
        "Compare results on the same examples: they pair by id and input.",
    )


def _any_failed(paired: Paired) -> bool:
    one = paired.first.examples.n_failed[paired.at_first]
    two = paired.second.examples.n_failed[paired.at_second]
    return bool(one.any() or two.any())


def _told(difference: Estimate) -> Told:
    if difference.low is not None and difference.low > 0.0:
        return "better"
    return "worse" if difference.high is not None and difference.high < 0.0 else "cannot be told apart"


def _p_value(paired: Paired, counted: Bools, pairs: PairedDifferences) -> tuple[float, str]:
    if paired.anytime:
        return float(pairs.p_values[0, 1]), "time-uniform, valid at every look of a race"
    first, second = (shares[counted] for shares in paired.shares(failures=True))
    difference = second - first
    groups = None if paired.groups is None else paired.groups[counted]
    if groups is None and bool(np.isin(difference, (-1.0, 0.0, 1.0)).all()):
        return mcnemar_mid_p(int((difference > 0).sum()), int((difference < 0).sum())), "McNemar mid-p"
    generator = np.random.default_rng(0)
    of = "signs of groups flipped" if groups is not None else "signs flipped"
    return sign_flip_p(difference, generator, groups=groups), f"paired permutation, {of}"


def _flips(paired: Paired, counted: Bools) -> Iterator[Flip]:
    first, second = paired.shares(failures=True)
    was, now = (side.examples.outcome[at] for side, at in paired.sides)
    flipped = counted & ((was == "solved") != (now == "solved"))
    for i in np.flatnonzero(flipped).tolist():
        yield Flip(
            example=str(paired.examples[i]),
            was=cast("Outcome", str(was[i])),
            now=cast("Outcome", str(now[i])),
            before=float(first[i]),
            after=float(second[i]),
        )


def _summary(paired: Paired, level: float, side: Side, *, second: bool) -> SideSummary:
    at = paired.at_second if second else paired.at_first
    examples, counted = side.examples, paired.counted(failures=True)
    shares = paired.shares(failures=True)[1 if second else 0][counted]
    groups = None if paired.groups is None else paired.groups[counted]
    n_repeated = int((examples.n_scored[at] > 1).sum())
    return SideSummary(
        label=side.label,
        version=side.version,
        quality=mean_score(shares, groups, level)
        if paired.by_score
        else rate(shares, groups, level, anytime=paired.anytime),
        n_failed=int((examples.n_failed[at] > 0).sum()),
        n_unscored=int((examples.n_unscored[at] > 0).sum()),
        n_missing=int((examples.n_missing[at] > 0).sum()),
        n_repeated=n_repeated,
        flaky=tuple(paired.examples[examples.flaky[at]].tolist()),
    )


def _settle(paired: Paired, difference: Estimate, answered: Estimate | None, level: float) -> str:
    """What would tell the two apart."""
    if answered is not None and _told(difference) != _told(answered):
        return f"It depends on the questions that failed. {settle_failures(failed_sides(paired.first, paired.second))}"
    _, pairs, _ = difference_of(paired, level, failures=True)
    value, n = abs(difference.value or 0.0), difference.n
    error = float(pairs.error[0, 1])
    critical = float(pairs.reach(level)[0, 1]) / error if 0.0 < error < np.inf else 0.0
    total = examples_for_margin(0.0, error, n, value, critical=critical) if value and critical else None
    if total is None:
        return "No number of examples that can be told now would tell them apart: so far they are level."
    more = about(total - n, paired.examples_a_group)
    return f"{more} would tell them apart {ODDS}, if the difference is what it looks like now."


def _cost(paired: Paired, level: float) -> Estimate | None:
    """What a case costs more; None without a price on both sides, or in different currencies."""
    one, two = paired.first, paired.second
    if one.evaluation.currency != two.evaluation.currency:
        return None
    if not (one.evaluation.priced[one.k] and two.evaluation.priced[two.k]):
        return None
    a, b = one.examples, two.examples
    amounts = (a.cost[paired.at_first], b.cost[paired.at_second])
    return _mean_difference(
        paired, amounts, (a.n_asked[paired.at_first], b.n_asked[paired.at_second]), level, two.evaluation.currency
    )


def _latency(paired: Paired, level: float) -> Estimate | None:
    """How much longer a case takes; None where either side has no record."""
    a, b = paired.first.examples, paired.second.examples
    amounts = (a.latency_s[paired.at_first], b.latency_s[paired.at_second])
    sides = ((side.evaluation.untimed, side.k) for side in (paired.first, paired.second))
    timed = not any(untimed is not None and untimed[k].any() for untimed, k in sides)
    if not (timed and amounts[0].any() and amounts[1].any()):
        return None
    return _mean_difference(paired, amounts, (a.n_answered[paired.at_first], b.n_answered[paired.at_second]), level, "")


def _mean_difference(
    paired: Paired, amounts: tuple[Floats, Floats], n: tuple[Floats, Floats], level: float, currency: str
) -> Estimate | None:
    known = (n[0] > 0) & (n[1] > 0)
    if not known.any():
        return None
    difference = amounts[1][known] / n[1][known] - amounts[0][known] / n[0][known]
    groups = None if paired.groups is None else paired.groups[known]
    return mean(difference, groups, level, unit="money" if currency else "seconds", currency=currency)


def _cautions(paired: Paired) -> Iterator[str]:
    """What a reader must know before believing the figures."""
    one, two, counts = paired.first.evaluation, paired.second.evaluation, paired.counts
    if one.scorer != two.scorer:
        judges = f"{paired.first.label} by {one.scorer}, {paired.second.label} by {two.scorer}"
        yield f"They were judged differently: {judges}."
    if one.split != two.split:
        yield f"They are from different splits: {one.split} and {two.split}."
    if one.raced is not None or two.raced is not None:
        yield "One of them is from a race, which stops on what it sees: the interval holds at every look, and is wider."
    if counts.n_changed:
        yield f"{pieces(counts.n_changed)}: the same id with another input by now, so not compared."
    not_counted = counts.n_paired - int(paired.counted(failures=True).sum())
    if not_counted:
        yield f"{pieces(not_counted)}: not judged or not answered on one side, so in no figure."
