"""Whether a challenger takes over, is taken back, or goes on: from live outcomes, at any time, with errors bounded.

It takes over once it is certain that it is worse by no more than a margin, in the share solved, in the share of
failures and in the share of slow answers, and no dearer than is allowed; it is taken back once it is certainly worse in
one of these, or dearer than that. Pure: knows nothing of stores, clocks or traffic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from merits.core.estimate import Estimate, Unit
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.stats.critical import Bools, Floats
from merits.stats.differences import (
    bounded_limits,
    paired_after,
    paired_limits,
    paired_mean_limits,
    times_more,
    unpaired_after,
    unpaired_limits,
    unpaired_mean_limits,
)

__all__ = ["Bounds", "Comparison", "RolloutVerdict", "judge_rollout"]

Say: TypeAlias = Literal["promote", "roll back", "go on"]
_ENOUGH = 20  # units of the challenger: what fewer suggest of how many more it takes is noise
_METHOD = "betting confidence sequence"
_MEAN_METHOD = "asymptotic confidence sequence"
_SHARES = {"solved": 1 / 2, "failures": 1 / 6, "slow answers": 1 / 6, "cost": 1 / 6}  # of alpha, for taking back


@dataclass(frozen=True)
class Bounds:
    """What is promised of the test, fixed before it begins.

    `alpha` bounds the probability of ever promoting a challenger that is worse by more than `margin` (in the share
    solved or failed; `slow_margin` in the share slower than `slow_s` seconds), and that of ever taking back one that is
    worse in nothing. `dearer` is the share by which it may cost more per request (0.2: a fifth), failed answers and
    those of fallbacks included; None: any cost.
    """

    margin: float = 0.02
    alpha: float = 0.05
    slow_s: float | None = None
    slow_margin: float = 0.05
    dearer: float | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in which the two are compared. `within` is whether the challenger is certainly worse by no more than
    the margin, `worse` whether it is certainly worse; `times` how many times as much evidence it takes to know either.
    Latency (the mean) is shown and decides nothing, nor does cost unless it is limited: both are `within`. `reason` is
    why nothing can be known.
    """

    name: str
    champion: Estimate
    challenger: Estimate
    difference: Estimate
    within: bool
    worse: bool
    times: float | None = None
    reason: str = ""


class RolloutVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the outcomes say, and what it rests on. `units` are users where they are known, else requests.

    `more_requests` is about how many more settle it if they are like those so far; None where that cannot be told.
    """

    verdict: Say
    text: str
    comparisons: tuple[Comparison, ...]
    paired: bool
    units: Literal["users", "requests"]
    n_champion: int
    n_challenger: int
    n_requests: int
    margin: float
    alpha: float
    more_requests: int | None = None


def judge_rollout(
    evaluation: Evaluation, champion: str, challenger: str, *, paired: bool, bounds: Bounds = Bounds()
) -> RolloutVerdict:
    """The verdict on a rollout by its outcomes so far; the promises hold however often it is asked.

    `paired` is for shadows, which answered the same requests. Rows of one group (a user) are one unit, which counts by
    its mean; who asks again makes the unit's value better known, and the promise is then no theorem, but held in
    `tests/simulation`. Outcomes whose labels are late come in when they come: the promise needs that the delay does not
    depend on who answered.
    """
    both = _Both(evaluation, evaluation.index(champion), evaluation.index(challenger), paired)
    found = [
        _compare("solved", both, both.scored, both.solved, margin=bounds.margin, bounds=bounds),
        _compare("failures", both, both.asked, both.failed, margin=bounds.margin, bounds=bounds),
    ]
    if bounds.slow_s is not None:
        slow = both.slow(bounds.slow_s)
        found.append(_compare("slow answers", both, both.timed, slow, margin=bounds.slow_margin, bounds=bounds))
    latency_s = evaluation.latency_s[both.places]
    found.append(_mean_of("latency", both, latency_s, both.timed, unit="seconds", level=1.0 - bounds.alpha))
    unpriced = [
        name for name, known in zip((champion, challenger), evaluation.priced[both.places], strict=True) if not known
    ]
    if not unpriced:
        found.append(_cost(both, bounds))
    elif bounds.dearer is not None:
        found.append(_unpriced(both, unpriced, 1.0 - bounds.alpha))
    return _verdict(both, found, (champion, challenger), bounds)


class _Both:
    """The rows of the two, and their units."""

    def __init__(self, evaluation: Evaluation, champion: int, challenger: int, paired: bool) -> None:
        self.places = [champion, challenger]
        self.paired = paired
        self.evaluation = evaluation
        _, self._units = np.unique(evaluation.group, return_inverse=True)
        status = evaluation.status[self.places]
        self.asked = self._common(status != Status.MISSING)
        self.scored = self._common(status == Status.SCORED)
        answered = self._common((status == Status.SCORED) | (status == Status.UNSCORED))
        untimed = evaluation.untimed
        self.timed = answered if untimed is None else self._common(answered & ~untimed[self.places])
        self.solved = evaluation.solved[self.places].astype(np.float64)
        self.failed = (status == Status.FAILED).astype(np.float64)

    @property
    def users(self) -> bool:
        """Whether some rows share a unit."""
        return len(np.unique(self._units)) < len(self._units)

    def slow(self, limit_s: float) -> Floats:
        """1 where an answer took longer (2, rows)."""
        return (self.evaluation.latency_s[self.places] > limit_s).astype(np.float64)

    @property
    def cost(self) -> Floats:
        """The money of each answer (2, rows)."""
        return self.evaluation.cost[self.places]

    def _common(self, mask: Bools) -> Bools:
        return np.broadcast_to(mask.all(axis=0), mask.shape) if self.paired else np.asarray(mask)

    def by_unit(self, values: Floats, mask: Bools) -> Floats:
        """The mean of each unit that has any, of values (rows,)."""
        counts = np.bincount(self._units, mask)
        sums = np.bincount(self._units, np.where(mask, values, 0.0))
        return np.asarray(sums[counts > 0] / counts[counts > 0])

    def sides(self, values: Floats, mask: Bools) -> tuple[Floats, Floats]:
        """The units' values of the champion, and of the challenger; pairs stand at the same place."""
        return self.by_unit(values[0], mask[0]), self.by_unit(values[1], mask[1])


def _compare(name: str, both: _Both, mask: Bools, values: Floats, *, margin: float, bounds: Bounds) -> Comparison:
    """Two shares. `values` (2, rows) are good where the name is "solved", else bad."""
    old, new = both.sides(values, mask)
    level = 1.0 - bounds.alpha
    good = name == "solved"
    better, worse_side = (new, old) if good else (old, new)  # the challenger is no worse: better - worse_side > -margin
    if both.paired:
        no_worse, is_worse = paired_after(better - worse_side, -margin), paired_after(worse_side - better, 0.0)
        low, high = paired_limits(new - old, level)
    else:
        no_worse, is_worse = unpaired_after(better, worse_side, -margin), unpaired_after(worse_side, better, 0.0)
        low, high = unpaired_limits(new, old, level)
    own = bounds.alpha * _SHARES[name]
    within = bool(no_worse(1.0) >= np.log(1.0 / bounds.alpha))
    worse = bool(is_worse(1.0) >= np.log(1.0 / own))
    times = None
    if not within and not worse and len(new) >= _ENOUGH:
        known = [t for t in (times_more(no_worse, bounds.alpha), times_more(is_worse, own)) if t is not None]
        times = min(known, default=None)
    n = min(len(old), len(new))
    difference = _estimate(_gap(new, old), (low, high), n=n, level=level, unit="points")
    return Comparison(
        name=name,
        champion=_share(old, level),
        challenger=_share(new, level),
        difference=difference,
        within=within,
        worse=worse,
        times=times,
    )


def _cost(both: _Both, bounds: Bounds) -> Comparison:
    """The money per request; where it is limited, it must certainly be within that, and is taken back above it."""
    found = _mean_of("cost", both, both.cost, both.asked, unit="money", level=1.0 - bounds.alpha)
    if bounds.dearer is None:
        return found
    old, new = both.sides(both.cost, both.asked)
    old = (1.0 + bounds.dearer) * old  # what it may cost
    _, most = _limits(both, new, old, 1.0 - 2.0 * bounds.alpha)
    least, _ = _limits(both, new, old, 1.0 - 2.0 * bounds.alpha * _SHARES["cost"])
    times, gap = None, _gap(new, old)
    if least <= 0.0 < most < np.inf and gap and len(new) >= _ENOUGH:  # limits close in with the root of the evidence
        times = (((most if gap < 0.0 else least) - gap) / gap) ** 2
    return msgspec.structs.replace(found, within=most <= 0.0, worse=least > 0.0, times=times)


def _unpriced(both: _Both, names: list[str], level: float) -> Comparison:
    """The money per request where it is limited and not known."""
    nothing = Estimate(
        value=None,
        low=None,
        high=None,
        level=level,
        n=0,
        unit="money",
        method=_MEAN_METHOD,
        currency=both.evaluation.currency,
    )
    whose = " and ".join(names)
    return Comparison(
        name="cost",
        champion=nothing,
        challenger=nothing,
        difference=nothing,
        within=False,
        worse=False,
        reason=f"The cost is limited, and what some answers of {whose} cost is not known",
    )


def _mean_of(name: str, both: _Both, values: Floats, mask: Bools, *, unit: Unit, level: float) -> Comparison:
    """Two means that have no upper end; they are shown, and decide nothing."""
    old, new = both.sides(values, mask)
    currency = both.evaluation.currency if unit == "money" else ""
    champion, challenger = (
        _estimate(_mean(side), paired_mean_limits(side, level), n=len(side), level=level, unit=unit, currency=currency)
        for side in (old, new)
    )
    limits, n = _limits(both, new, old, level), min(len(old), len(new))
    difference = _estimate(_gap(new, old), limits, n=n, level=level, unit=unit, currency=currency)
    return Comparison(
        name=name, champion=champion, challenger=challenger, difference=difference, within=True, worse=False
    )


def _limits(both: _Both, one: Floats, other: Floats, level: float) -> tuple[float, float]:
    return paired_mean_limits(one - other, level) if both.paired else unpaired_mean_limits(one, other, level)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _gap(new: Floats, old: Floats) -> float | None:
    return float(new.mean() - old.mean()) if len(new) and len(old) else None


def _share(values: Floats, level: float) -> Estimate:
    return _estimate(_mean(values), bounded_limits(values, level), n=len(values), level=level, unit="rate")


def _estimate(
    value: float | None, limits: tuple[float, float], *, n: int, level: float, unit: Unit, currency: str = ""
) -> Estimate:
    low, high = (end if np.isfinite(end) else None for end in limits)
    method = _MEAN_METHOD if unit in ("money", "seconds") else _METHOD
    return Estimate(value=value, low=low, high=high, n=n, level=level, unit=unit, method=method, currency=currency)


def _verdict(both: _Both, found: list[Comparison], names: tuple[str, str], bounds: Bounds) -> RolloutVerdict:
    _, challenger = names
    worse = [each for each in found if each.worse]
    more: int | None = None
    n_requests = int((both.asked[1] if both.paired else both.asked.any(axis=0)).sum())
    verdict: Say
    if worse:
        verdict, text = "roll back", f"{challenger} is certainly worse: {'; '.join(map(_words, worse))}."
    elif all(each.within for each in found):
        verdict = "promote"
        text = f"{challenger} is not worse by more than {100 * bounds.margin:g} points: {_words(found[0])}."
    else:
        verdict = "go on"
        times = [each.times for each in found if not each.within]
        known = [each for each in times if each is not None]
        if known and len(known) == len(times):
            more = max(1, round((max(known) - 1.0) * n_requests))
        open_ = ", ".join(each.name for each in found if not each.within)
        reasons = "".join(f"{each.reason}. " for each in found if each.reason)
        text = f"Not known yet: {open_} ({_words(found[0])}). {reasons}{_how_many(more, users=both.users)}"
    counts = [len(each) for each in both.sides(both.solved, both.scored)]
    return RolloutVerdict(
        verdict=verdict,
        text=text,
        comparisons=tuple(found),
        paired=both.paired,
        units="users" if both.users else "requests",
        n_champion=counts[0],
        n_challenger=counts[1],
        n_requests=n_requests,
        margin=bounds.margin,
        alpha=bounds.alpha,
        more_requests=more,
    )


def _words(each: Comparison) -> str:
    ours, theirs = (side.number(side.value) for side in (each.challenger, each.champion))
    return f"{each.name} {ours} against {theirs}, difference {each.difference}"


def _how_many(more: int | None, *, users: bool) -> str:
    if more is None:
        return "How many more requests it takes cannot be told yet; feedback on them is what it takes."
    whose = " of as many new users" if users else ""
    return f"About {more:,} more requests like these{whose}, with feedback on as many of them, settle it."
