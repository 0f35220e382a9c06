"""Two candidates side by side, example by example, wherever their outcomes come from: one run, two runs, two tools.

Repeats of an example are averaged first, so that runs with different numbers of repeats can be compared. Examples pair
by id and input; where ids differ by input alone, where no input was recorded by id alone. An example whose input has
changed pairs with nothing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate
from merits.core.clusters import units_of
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.deciding.cases import POLICIES, Cases, Policy
from merits.stats.critical import Bools, Floats, Ints

__all__ = ["Paired", "PairingCounts", "PerExample", "Side", "cases_of", "failed_sides", "pair"]


@dataclass(frozen=True)
class Side:
    """One candidate of one evaluation, under the name a reader knows it by."""

    label: str
    evaluation: Evaluation
    k: int

    @cached_property
    def examples(self) -> PerExample:
        """The candidate's outcomes by example."""
        return _per_example(self.evaluation, self.k)

    @property
    def version(self) -> str:
        """What exactly answered."""
        return self.evaluation.versions[self.k]

    @property
    def measured_by_score(self) -> bool:
        """Whether it is a score that is compared, because nobody said from which score on a case is solved."""
        return self.evaluation.facts.get("measure") == "score"


@dataclass(frozen=True)
class PerExample:
    """One candidate's outcomes by example; arrays have shape (examples,). `row` is an example's first row.

    `solved` and `value` are sums over the scored repeats, `cost` over the asked ones, `latency_s` over the answered.
    """

    row: Ints
    n_scored: Floats
    n_failed: Floats
    n_unscored: Floats
    n_missing: Floats
    solved: Floats
    value: Floats
    n_asked: Floats
    cost: Floats
    n_answered: Floats
    latency_s: Floats

    @cached_property
    def outcome(self) -> NDArray[np.str_]:
        """How each example came out on most of its repeats: "solved", "wrong" or "failed"."""
        solved = 2.0 * self.solved > self.n_counted(failures=True)
        return np.where(solved, "solved", np.where(self.n_failed > self.n_scored, "failed", "wrong"))

    @property
    def flaky(self) -> Bools:
        """Solved in some repeats and not in others."""
        return np.asarray((self.solved > 0) & (self.solved < self.n_scored))

    def n_counted(self, *, failures: bool) -> Floats:
        """How many repeats of each example count, with the failures or without them."""
        return self.n_scored + self.n_failed if failures else self.n_scored

    def share(self, at: Ints, *, by_score: bool, failures: bool) -> Floats:
        """The share solved (or the mean score) of some examples over their repeats; failures are not solved."""
        total = self.value if by_score else self.solved
        return np.asarray(total[at] / np.maximum(self.n_counted(failures=failures)[at], 1.0))


class PairingCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many examples pair, and why others do not. `by` says what they were paired on."""

    n_paired: int
    n_only_first: int
    n_only_second: int
    n_changed: int
    by: str


@dataclass(frozen=True)
class Paired:
    """The examples that two sides share: positions in each side's examples, and a code for what is not independent."""

    first: Side
    second: Side
    at_first: Ints
    at_second: Ints
    counts: PairingCounts

    @property
    def sides(self) -> tuple[tuple[Side, Ints], tuple[Side, Ints]]:
        """Each side with the positions of the pairs in its examples."""
        return (self.first, self.at_first), (self.second, self.at_second)

    @property
    def by_score(self) -> bool:
        """Whether scores are compared, not the share of solved cases."""
        return self.first.measured_by_score or self.second.measured_by_score

    @property
    def anytime(self) -> bool:
        """Whether a side is from a race, which stopped on what it saw: intervals must hold at every look."""
        return self.first.evaluation.raced is not None or self.second.evaluation.raced is not None

    @cached_property
    def examples(self) -> NDArray[np.str_]:
        """The ids of the pairs, as the second side names them."""
        return np.asarray(self.second.evaluation.examples[self.rows_second])

    @cached_property
    def rows_first(self) -> Ints:
        """The first row of each pair in the first evaluation."""
        return self.first.examples.row[self.at_first]

    @cached_property
    def rows_second(self) -> Ints:
        """The first row of each pair in the second evaluation."""
        return self.second.examples.row[self.at_second]

    @cached_property
    def groups(self) -> Ints | None:
        """A code for each pair that says which depend on each other, on either side; None when all are independent."""
        one = self.first.evaluation.group[self.rows_first]
        two = self.second.evaluation.group[self.rows_second]
        codes = units_of([str(code) for code in one.tolist()], [f"second {code}" for code in two.tolist()])
        return None if len(set(codes)) == len(codes) else np.array(codes)

    @property
    def examples_a_group(self) -> float:
        """How many pairs there are for each independent group, on average."""
        return 1.0 if self.groups is None else len(self.groups) / len(np.unique(self.groups))

    @cached_property
    def tags(self) -> dict[str, NDArray[np.str_]]:
        """The slices of the pairs: the second side's, and those that only the first knows."""
        found = {name: texts[self.rows_first] for name, texts in self.first.evaluation.tags.items()}
        return found | {name: texts[self.rows_second] for name, texts in self.second.evaluation.tags.items()}

    def counted(self, *, failures: bool) -> Bools:
        """The pairs of which both sides have an outcome that counts."""
        first = self.first.examples.n_counted(failures=failures)[self.at_first]
        second = self.second.examples.n_counted(failures=failures)[self.at_second]
        return np.asarray((first > 0) & (second > 0))

    def shares(self, *, failures: bool) -> tuple[Floats, Floats]:
        """The share solved (or the mean score) of each pair on the first and on the second side."""
        return (
            self.first.examples.share(self.at_first, by_score=self.by_score, failures=failures),
            self.second.examples.share(self.at_second, by_score=self.by_score, failures=failures),
        )


def cases_of(evaluation: Evaluation, policy: Policy) -> Cases:
    """The outcomes as a policy reads them. What another tool did not get to is missing, never given up."""
    asked = evaluation.status != Status.MISSING if "tool" in evaluation.facts else None
    return Cases(evaluation, policy, asked_of=asked)


def failed_sides(*sides: Side) -> list[Candidate]:
    """The candidates among these sides that failed on anything."""
    return [
        side.evaluation.candidates[side.k] for side in sides if (side.evaluation.status[side.k] == Status.FAILED).any()
    ]


def pair(first: Side, second: Side) -> Paired:
    """The examples that two sides share.

    >>> from merits.testing.evaluations import tiny
    >>> paired = pair(Side("steady", tiny(), 0), Side("broken", tiny(n=6), 1))
    >>> paired.counts.n_paired, paired.counts.n_only_second, paired.counts.by
    (4, 2, 'example id and input')
    """
    keys = [_keys(side) for side in (first, second)]
    (ids_first, inputs_first), (ids_second, inputs_second) = keys
    matcher = _Matcher(len(ids_first), len(ids_second))
    known = [bool(text) for text in inputs_first], [bool(text) for text in inputs_second]
    both = [list(zip(*key, strict=True)) for key in keys]
    matcher.match(both[0], both[1], *known)
    matcher.match(inputs_first, inputs_second, *known)
    either = [True] * len(ids_first), [not there for there in known[1]]
    matcher.match(ids_first, ids_second, *either)
    matcher.match(ids_first, ids_second, [not there for there in known[0]], [True] * len(ids_second))
    pairs = matcher.pairs
    changed = set(matcher.left(0, ids_first)) & set(matcher.left(1, ids_second))
    return Paired(
        first=first,
        second=second,
        at_first=np.array([i for i, _ in pairs], dtype=np.intp),
        at_second=np.array([j for _, j in pairs], dtype=np.intp),
        counts=PairingCounts(
            n_paired=len(pairs),
            n_only_first=len(ids_first) - len(pairs) - len(changed),
            n_only_second=len(ids_second) - len(pairs) - len(changed),
            n_changed=len(changed),
            by=matcher.by,
        ),
    )


class _Matcher:
    """Finds for each example of the first side one of the second, by one kind of key after the other."""

    _KINDS = ("example id and input", "input", "example id", "example id")

    def __init__(self, n_first: int, n_second: int) -> None:
        self.free: tuple[set[int], set[int]] = set(range(n_first)), set(range(n_second))
        self.pairs: list[tuple[int, int]] = []
        self._used: list[str] = []
        self._round = 0

    def match(
        self, first: Sequence[object], second: Sequence[object], may_first: Sequence[bool], may_second: Sequence[bool]
    ) -> None:
        waiting: dict[object, deque[int]] = defaultdict(deque)
        for j in sorted(self.free[1]):
            if may_second[j]:
                waiting[second[j]].append(j)
        before = len(self.pairs)
        for i in sorted(self.free[0]):
            if may_first[i] and waiting.get(first[i]):
                j = waiting[first[i]].popleft()
                self.pairs.append((i, j))
                self.free[0].discard(i)
                self.free[1].discard(j)
        if len(self.pairs) > before:
            self._used.append(self._KINDS[self._round])
        self._round += 1

    def left(self, side: int, ids: Sequence[str]) -> list[str]:
        return [ids[i] for i in self.free[side]]

    @property
    def by(self) -> str:
        return ", then ".join(dict.fromkeys(self._used))


def _keys(side: Side) -> tuple[list[str], list[str]]:
    """The ids and the hashes of the inputs of a side's examples."""
    rows = side.examples.row
    return side.evaluation.examples[rows].tolist(), side.evaluation.input_hashes[rows].tolist()


def _per_example(evaluation: Evaluation, k: int) -> PerExample:
    cases = cases_of(evaluation, POLICIES[0])
    clean = np.flatnonzero(cases.clean)
    _, found, sorted_codes = np.unique(evaluation.examples[clean], return_index=True, return_inverse=True)
    codes = np.argsort(np.argsort(found))[sorted_codes]  # in the order of the data, not of the ids
    first, n = np.sort(found), len(found)

    def total(amounts: Bools | Floats) -> Floats:
        return np.asarray(np.bincount(codes, weights=amounts.astype(np.float64), minlength=n), dtype=np.float64)

    scored, failed = cases.scored[k][clean], cases.failed[k][clean]
    asked, answered = cases.asked[k][clean], cases.asked[k][clean] & ~failed
    unscored = answered & ~scored
    return PerExample(
        row=clean[first],
        n_scored=total(scored),
        n_failed=total(failed),
        n_unscored=total(unscored),
        n_missing=total(~scored & ~failed & ~unscored),
        solved=total(cases.solved[k][clean]),
        value=total(np.where(scored, evaluation.value[k][clean], 0.0)),
        n_asked=total(asked),
        cost=total(np.where(asked, evaluation.cost[k][clean], 0.0)),
        n_answered=total(answered),
        latency_s=total(np.where(answered, evaluation.latency_s[k][clean], 0.0)),
    )
