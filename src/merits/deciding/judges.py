"""How good a judge is, by what people said of the same answers: agreement, kinds of mistakes, what they depend on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.core.judge import Judged, Verdict
from merits.stats.agreement import cohen_kappa, slope
from merits.stats.critical import Bools, Floats, Ints
from merits.stats.paired import compare_all, mcnemar_exact
from merits.stats.rates import rate

__all__ = ["JudgeCheck", "judge_check"]

_SMALL_P = 0.05


class JudgeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge was measured to be. Estimates are None where there is nothing to estimate them from.

    `agreement` is the share of labelled answers on which judge and people say the same; a tie of one only is none,
    unless ties count as solved and people said that.
    `kappa` leaves ties out. `false_positive` is the share of answers that people call not solved (or worse) and the
    judge solved (or better), `false_negative` the other way round. `kinder` is the share that the judge calls solved
    less the share that people do. Of a pairwise judge `inconsistent` is the share of verdicts that depend on the
    order, `first_place` the share of votes won by the place named first (0.5 without a bias), and `first_place_p` the
    exact probability of so uneven a split among the inconsistent ones if neither place were preferred. `by_length` is
    by how much the judge is kinder than people to an answer twice as long (as the other one, of a pair).
    """

    n_labels: int
    n_judged: int
    n_unscored: int
    unscored: dict[str, int]
    level: float
    agreement: Estimate | None
    kappa: Estimate | None
    false_positive: Estimate | None
    false_negative: Estimate | None
    kinder: Estimate | None
    inconsistent: Estimate | None
    first_place: Estimate | None
    first_place_p: float | None
    by_length: Estimate | None
    judged: Judged
    verdict: tuple[str, ...] = ()


def judge_check(verdicts: Sequence[Verdict], judged: Judged, level: float = 0.95) -> JudgeCheck:
    """The measures of a judge from its verdicts beside people's; labels of a group or an input are one evidence."""
    known = [each for each in verdicts if each.judgement is not None]
    table = _Table(known)
    pairwise = bool(judged.n_ordered)
    found = JudgeCheck(
        n_labels=len(verdicts),
        n_judged=len(known),
        n_unscored=len(verdicts) - len(known),
        unscored=dict(Counter(each.unscored for each in verdicts if each.judgement is None)),
        level=level,
        agreement=table.share(table.judge == table.human, table.all, level),
        kappa=table.kappa(level),
        false_positive=table.share(table.judge == 1.0, table.human == 0.0, level),
        false_negative=table.share(table.judge == 0.0, table.human == 1.0, level),
        kinder=table.kinder(level),
        inconsistent=table.share(table.inconsistent, table.ordered, level) if pairwise else None,
        first_place=table.share(table.first_place, table.ordered, level) if pairwise else None,
        first_place_p=mcnemar_exact(*table.places()) if pairwise else None,
        by_length=table.by_length(level),
        judged=judged,
    )
    return msgspec.structs.replace(found, verdict=tuple(_words(found)))


class _Table:
    """Verdicts as columns: judge and human are 1, 0, or 0.5 for a tie."""

    def __init__(self, known: Sequence[Verdict]) -> None:
        judgements = [each.judgement for each in known if each.judgement is not None]
        self.human = np.array([0.5 if each.human is None else float(each.human) for each in known])
        # Where there is one answer a grade counts by what it decides; of two, half is a tie.
        self.judge = np.array([_said(each.score.value, each.score.solved, bool(each.firsts)) for each in judgements])
        solved = np.array([each.score.solved for each in judgements], dtype=np.bool_)
        # A tie that counts as solved says so to people who said solved or not; to those who said tie it is one.
        self.judge = np.where((self.judge == 0.5) & solved & (self.human != 0.5), 1.0, self.judge)
        self.all = np.ones(len(known), dtype=np.bool_)
        self.ordered = np.array([bool(each.firsts) for each in judgements], dtype=np.bool_)
        self.inconsistent = np.array([each.inconsistent for each in judgements], dtype=np.bool_)
        self.first_place = np.array([_first_place(each.votes, each.firsts) for each in judgements])
        self.length = np.array([_doublings(each) for each in known])
        self._codes = np.unique([each.group for each in known], return_inverse=True)[1] if known else np.zeros(0, int)

    def groups(self, mask: Bools) -> Ints | None:
        codes = self._codes[mask]
        return None if len(np.unique(codes)) == len(codes) else np.unique(codes, return_inverse=True)[1]

    def share(self, of: Bools | Floats, among: Bools, level: float) -> Estimate | None:
        return rate(np.asarray(of[among], dtype=np.float64), self.groups(among), level) if among.any() else None

    def kappa(self, level: float) -> Estimate | None:
        plain = (self.judge != 0.5) & (self.human != 0.5)
        if not plain.any():
            return None
        found = cohen_kappa(self.judge[plain] == 1.0, self.human[plain] == 1.0, self.groups(plain), level)
        return None if found.value is None else found

    def kinder(self, level: float) -> Estimate | None:
        if not len(self.judge):
            return None
        both = np.stack([self.judge, self.human])
        pairs = compare_all(both, np.ones(both.shape, dtype=np.bool_), self.groups(self.all))
        centre, half = float(pairs.centre[0, 1]), float(pairs.reach(level)[0, 1])
        known = bool(np.isfinite(half))
        return Estimate(
            value=float(pairs.difference[0, 1]),
            low=max(centre - half, -1.0) if known else None,
            high=min(centre + half, 1.0) if known else None,
            level=level,
            n=int(pairs.n_groups[0, 1]),
            unit="points",
            method=pairs.method(grouped=self.groups(self.all) is not None),
        )

    def places(self) -> tuple[int, int]:
        """Among verdicts that depend on the order: how many the first place won, and how many the second."""
        won = self.first_place[self.inconsistent]
        return int((won > 0.5).sum()), int((won < 0.5).sum())

    def by_length(self, level: float) -> Estimate | None:
        if not len(self.judge):
            return None
        return slope(self.judge - self.human, self.length, self.groups(self.all), level, per="doubling of the length")


def _said(value: float, solved: bool, ordered: bool) -> float:
    if not ordered:
        return float(solved)
    return 0.5 if value == 0.5 else float(value > 0.5)


def _first_place(votes: Sequence[float], firsts: Sequence[bool]) -> float:
    """The share of votes won by the place that stood first."""
    won = [vote if first else 1.0 - vote for vote, first in zip(votes, firsts, strict=False)]
    return sum(won) / len(won) if won else 0.5


def _doublings(each: Verdict) -> float:
    own = float(np.log2(each.length + 1.0))
    return own - float(np.log2(each.other_length + 1.0)) if each.other_length else own


def _words(found: JudgeCheck) -> Iterator[str]:
    """The verdict on the judge in sentences, each with what it rests on."""
    if found.agreement is None:
        yield "The judge came to no verdict: there is nothing to measure."
        return
    kappa = found.kappa
    if kappa is None or kappa.low is None or kappa.low <= 0.0:
        yield "It is not shown that the judge agrees with people more than by chance: do not decide by it alone."
    else:
        yield f"The judge certainly agrees with people more than by chance (kappa {kappa.text()})."
    kinder = found.kinder
    if kinder is not None and kinder.low is not None and kinder.low > 0.0:
        yield f"It is certainly kinder than people, by {kinder.text()}."
    elif kinder is not None and kinder.high is not None and kinder.high < 0.0:
        yield f"It is certainly stricter than people, by {kinder.text()}."
    else:
        yield "It is not shown to be kinder or stricter than people on the whole."
    if found.first_place is not None and found.first_place_p is not None and found.first_place.value is not None:
        side = "first" if found.first_place.value > 0.5 else "second"
        if found.first_place_p <= _SMALL_P:
            yield f"It certainly prefers the {side} place: ask in both orders, as `pairwise` does."
        else:
            yield "It is not shown to prefer a place."
    length = found.by_length
    if length is not None and length.low is not None and length.high is not None:
        if length.low > 0.0 or length.high < 0.0:
            way = "kinder" if length.low > 0.0 else "stricter"
            yield f"It is certainly {way} to long answers than people are ({length.text()} for twice the length)."
        else:
            yield "It is not shown to favour long or short answers."
    yield "Name the labels in the task (`human_labels:`), and decisions carry these errors."
