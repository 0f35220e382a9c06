"""A race: all candidates see the same items in one random order, and those that cannot be the best are dropped.

Certified: each candidate j carries one process that bets on "the present leader minus j". Under "nobody is better than
j" no bet can be expected to win, whoever leads and however often one looks, so P(the best is ever dropped) <= delta
for all candidates together, at any stopping time (Ville). Waudby-Smith & Ramdas (2024), doi:10.1093/jrsssb/qkad009, and
(2020), NeurIPS 33, for items drawn without replacement. Economy: a posterior of the means, cheaper, with an error that
was measured and is not proved (`tests/simulation/test_races.py`).

Knows nothing about what the items are or how answers are got: see `Race`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from merits.stats.bets import Bets
from merits.stats.critical import Bools, Floats, Ints
from merits.stats.gates import Gates

__all__ = ["Look", "Mode", "Race", "Target"]

Mode: TypeAlias = Literal["certified", "economy"]
Target: TypeAlias = Literal["examples", "traffic"]
End: TypeAlias = Literal["", "decided", "exhausted", "budget"]

_FIRST = {"certified": 5, "economy": 10}
_GROWTH = {"certified": 0.04, "economy": 0.10}
_LEAST = {"certified": 4, "economy": 10}
_ENOUGH = 20  # common items from which a posterior is looked at
_DRAWS = 1_500
_DUST = 1e-9  # sums of scores that differ by less are equal


@dataclass(frozen=True)
class Look:
    """How the race stood after `n_items`: the running means, and who was still in it."""

    n_items: int
    means: tuple[float, ...]
    running: tuple[bool, ...]


@dataclass
class Race:
    """Who may still be the best, while items come in.

    `n_candidates` see at most `n_items` items, the finite set that "best on these examples" speaks of; "best on future
    traffic" speaks of what the items were drawn from. `target` is what candidates are dropped by. With `gates` (floors
    on rates), who certainly misses one is dropped too, and only those who certainly meet all can drop others.

    With `to_the_end` the last one left is asked all the rest, for what only all of it can tell.

    `here` and `ahead` (candidates,) are who may be the best on these examples and on future traffic. `running` is who
    should be asked next; it is empty when the race is over, and `ended` says why ("" while it is not). `dropped_at` is
    after how many items each left the race, 0 for those still in it.

    Who was asked and is `late` is set `aside`, so that the others need not wait: nobody can be dropped because of what
    it has not answered. What comes in later is shown by `catch_up`, against the leaders of then, and who has caught up
    races on with the others. Leaders and stakes depend only on items before, so the promise holds whoever is late.

    Not guaranteed: anything about items in an order that was chosen after looking at outcomes.

    >>> race = Race(2, 100)
    >>> while not race.ended:
    ...     race.see(np.repeat([[1.0], [0.0]], race.next_size, axis=1))
    >>> race.here.tolist(), race.ended, race.n_seen < 20
    ([True, False], 'decided', True)
    """

    n_candidates: int
    n_items: int
    delta: float = 0.05
    mode: Mode = "certified"
    target: Target = "examples"
    gates: Gates | None = None
    growth: float | None = None
    least: int | None = None
    seed: int = 0
    to_the_end: bool = False
    n_seen: int = 0
    looks: list[Look] = field(default_factory=list)

    def __post_init__(self) -> None:
        k = self.n_candidates
        self.here, self.ahead = np.ones(k, np.bool_), np.ones(k, np.bool_)
        self.running = np.ones(k, np.bool_)
        self.aside = np.zeros(k, np.bool_)
        self.chances = {"examples": np.full(k, 1.0 / k), "traffic": np.full(k, 1.0 / k)}
        self.dropped_at: Ints = np.zeros(k, np.int64)
        self.ended: End = ""
        self._n_each = np.zeros(k, np.int64)  # items that each was shown
        self._n_valid = np.zeros(k)
        self._totals = np.zeros(k)
        self._sums = np.zeros((k, k))  # of i's values on the items that i and j both answered
        self._products = np.zeros((k, k))  # on the items that everybody running answered
        self._n_common = np.zeros(k)
        self._common = np.zeros(k)
        self._bets = {"examples": Bets(k, self.n_items), "traffic": Bets(k, None)}
        self._generator = np.random.default_rng(self.seed)
        self._led: list[tuple[int, int, int | None]] = []  # from which item to which, and who led there

    @property
    def waits(self) -> bool:
        """Whether nothing should be shown before somebody who is aside has caught up."""
        if not self.aside.any():
            return False
        return self.n_seen >= self.n_items or not self.running.any() or self._is_alone(self.running)

    @property
    def next_size(self) -> int:
        """How many items to show next: a few at first, then a share of those seen, so that little is overshot."""
        if self.n_seen == 0:
            size = _FIRST[self.mode] if self.least is None else self.least
        else:
            growth = _GROWTH[self.mode] if self.growth is None else self.growth
            least = _LEAST[self.mode] if self.least is None else self.least
            size = max(least, math.ceil(growth * self.n_seen))
        return min(size, self.n_items - self.n_seen)

    def see(
        self,
        values: Floats,
        *,
        who: Ints | None = None,
        valid: Bools | None = None,
        gated: Floats | None = None,
        late: Ints | None = None,
    ) -> None:
        """Takes the scores (candidates, items), each in 0..1, of the next items, a row for each of `who`.

        `who` are the running ones unless given; one that was not shown an item before is shown none after. Where an
        answer is not `valid` (candidates, items), its pairs are no evidence either way. `gated` (gates, candidates,
        items) holds what the floors are on, in 0..1. Those who are `late` with these items are none of `who`.
        """
        rows = np.flatnonzero(self.running) if who is None else who
        kept = self._n_each[rows] == self.n_seen
        if not kept.all():
            rows, values = rows[kept], values[kept]
            valid = None if valid is None else valid[kept]
            gated = None if gated is None else gated[:, kept]
        size, leader = values.shape[1], self.leader if self.n_seen else None
        self._led.append((self.n_seen, self.n_seen + size, leader))
        if self.mode == "certified" and leader is not None:
            at = np.flatnonzero(rows == leader)
            led, led_valid = np.zeros(size), None  # of one that is late, as if it solved nothing
            if len(at):
                led, led_valid = values[at[0]], None if valid is None else valid[at[0]]
            if len(at) or (late is not None and leader in late):
                self._bet(leader, rows, values, valid, led=led, led_valid=led_valid, n_before=self.n_seen)
        self._note(rows, values, valid)
        if self.gates is not None and gated is not None:
            self.gates.see(gated, rows)
        self.n_seen += size
        if late is not None:
            self.aside[late[self.running[late]]] = True
            self.running[late] = False
        self._exclude(rows)
        self.looks.append(Look(self.n_seen, tuple(self.means.tolist()), tuple(self.running.tolist())))

    def catch_up(self, k: int, values: Floats, *, valid: Bools | None = None, gated: Floats | None = None) -> None:
        """Takes what candidate k, who is aside, has answered since of the next items that the others were shown.

        `values` and `valid` (candidates, items) are everybody's, as far as they were shown them, and `gated` (gates, 1,
        items) is of k. The items are those of whole rounds.
        """
        first = start = int(self._n_each[k])
        end = first + values.shape[1]
        for _, last, leader in [led for led in self._led if start <= led[0] and led[1] <= end]:
            part = slice(first - start, last - start)
            ok = None if valid is None else valid[:, part]
            if self.mode == "certified" and leader not in (None, k):
                known = self._n_each[leader] >= last  # else it is late itself, as if it solved nothing
                self._bet(
                    leader,
                    np.array([k]),
                    values[k : k + 1, part],
                    None if ok is None else ok[k : k + 1],
                    led=values[leader, part] if known else np.zeros(last - first),
                    led_valid=ok[leader] if known and ok is not None else None,
                    n_before=first,
                )
            self._note_late(k, values[:, part], ok, last)
            first = last
        if self.gates is not None and gated is not None:
            self.gates.see(gated, np.array([k]))
        back = bool(self._n_each[k] >= self.n_seen and self.aside[k])
        if back:
            self.aside[k], self.running[k] = False, True
        if not (back and self.mode == "economy"):  # then `recount` goes on
            self._exclude(np.flatnonzero(self._n_each >= self.n_seen) if back else np.zeros(0, np.int64))

    def recount(self, values: Floats, valid: Bools | None) -> None:
        """Economy: what the running ones have in common, from everybody's values (candidates, items) of all items that
        were seen. To be called when one of them has caught up.
        """
        rows = np.flatnonzero(self.running)
        common = values[rows] if valid is None else values[rows][:, valid[rows].all(axis=0)]
        self._products[np.ix_(rows, rows)] = common @ common.T
        self._common[rows], self._n_common[rows] = common.sum(axis=1), common.shape[1]
        self._exclude(rows)

    @property
    def means(self) -> Floats:
        """The running mean of each candidate on its valid items; 0 for none."""
        return self._totals / np.maximum(self._n_valid, 1.0)

    @property
    def leader(self) -> int | None:
        """The running candidate with the best mean that does not certainly miss a gate; None when there is none."""
        among = self.running if self.gates is None else self.running & ~self.gates.missed
        if not among.any():
            return None
        return int(np.argmax(np.where(among, self.means, -np.inf)))

    def stop(self, why: End) -> None:
        """Ends the race from outside (a budget): what is known stays as it is."""
        self.ended = self.ended or why
        self.running, self.aside = np.zeros_like(self.running), np.zeros_like(self.aside)

    def withdraw(self, k: int) -> None:
        """Takes a candidate out that cannot be asked any more; whether it is the best stays as open as it is."""
        self.running[k] = self.aside[k] = False
        if not (self.running | self.aside).any():
            self.stop("decided")

    def exclude(self, k: int) -> None:
        """Takes a candidate out that may not be named, however good it is: nobody races against it."""
        self.here[k] = self.ahead[k] = False
        self.withdraw(k)

    # Evidence ---------------------------------------------------------------------------------------------------

    def _bet(
        self,
        leader: int,
        rows: Ints,
        values: Floats,
        valid: Bools | None,
        *,
        led: Floats,
        led_valid: Bools | None,
        n_before: int,
    ) -> None:
        """Bets that the leader's values `led` (items,) are better than those (rows, items) of the others."""
        certain = None if self.gates is None else self.gates.cleared
        for target, standing in (("examples", self.here), ("traffic", self.ahead)):
            at = np.flatnonzero(standing[rows] & (rows != leader))
            if len(at) == 0:
                continue
            difference = led - values[at]
            if valid is not None:
                known = valid[at] if led_valid is None else valid[at] & led_valid
                difference = np.where(known, difference, 0.0)
            rivals = rows[at]
            self._bets[target].take(
                leader,
                rivals,
                difference,
                behind=self._sums[leader, rivals] - self._sums[rivals, leader],
                n_seen=n_before,
                certain=certain,
            )

    def _note_late(self, k: int, values: Floats, valid: Bools | None, last: int) -> None:
        """Counts what k has in common with those who were shown these items before it."""
        ok = np.ones(values.shape, np.bool_) if valid is None else valid
        self._n_each[k] = last
        shown = np.flatnonzero((self._n_each >= last) & (np.arange(self.n_candidates) != k))
        both = ok[shown] & ok[k]
        self._sums[k, shown] += np.where(both, values[k], 0.0).sum(axis=1)
        self._sums[shown, k] += np.where(both, values[shown], 0.0).sum(axis=1)
        own = float(values[k][ok[k]].sum())
        self._sums[k, k] += own
        self._totals[k] += own
        self._n_valid[k] += int(ok[k].sum())

    def _note(self, rows: Ints, values: Floats, valid: Bools | None) -> None:
        at = np.ix_(rows, rows)
        size = values.shape[1]
        self._n_each[rows] += size
        if valid is None:
            kept, mask = values, None
            sums = np.broadcast_to(values.sum(axis=1)[:, None], (len(rows), len(rows)))
        else:
            kept, mask = np.where(valid, values, 0.0), valid.astype(np.float64)
            sums = kept @ mask.T
        self._sums[at] += sums
        self._n_valid[rows] += size if mask is None else mask.sum(axis=1)
        self._totals[rows] += kept.sum(axis=1)
        if self.mode == "economy":
            common = kept if valid is None else kept[:, valid.all(axis=0)]
            self._products[at] += common @ common.T
            self._common[rows] += common.sum(axis=1)
            self._n_common[rows] += common.shape[1]

    def _exclude(self, rows: Ints) -> None:
        missed = np.zeros_like(self.here) if self.gates is None else self.gates.missed
        if self.mode == "certified":
            certain = None if self.gates is None else self.gates.cleared
            self.here &= ~self._bets["examples"].lost(self.delta, certain) & ~missed
            self.ahead &= ~self._bets["traffic"].lost(self.delta, certain) & ~missed
        else:
            self.here &= ~missed
            self.ahead &= ~missed
            self._weigh(rows)
        if self.n_seen >= self.n_items:
            self._settle(rows[self.here[rows]])
        self._conclude()

    def _settle(self, rows: Ints) -> None:
        """Everything was seen: among those with every answer, who is behind on these examples is known exactly."""
        certain = rows if self.gates is None else rows[self.gates.cleared[rows]]
        for rival in certain:
            behind = self._sums[rival, rows] - self._sums[rows, rival]
            self.here[rows[behind > _DUST]] = False

    def _weigh(self, rows: Ints) -> None:
        """Economy: the chance of each to be the best, from the posterior of the means."""
        for target, standing in (("examples", self.here), ("traffic", self.ahead)):
            among = rows[standing[rows]]
            n = float(self._n_common[among].min()) if len(among) else 0.0
            if n < _ENOUGH:
                continue
            finite = self.n_items if target == "examples" else None
            means = self._common[among] / n
            spread = self._products[np.ix_(among, among)] / n - np.outer(means, means)
            cleared = np.ones(len(among), np.bool_) if self.gates is None else self.gates.cleared[among]
            best, safe = _chances(means, spread, n=n, finite=finite, generator=self._generator, cleared=cleared)
            self.chances[target] = np.zeros(self.n_candidates)
            self.chances[target][among] = best
            if best.max() >= 1.0 - self.delta / 2.0 and cleared[best.argmax()]:
                safe = np.where(best == best.max(), 1.0, 0.0)
            standing[among] &= safe >= self.delta / (4.0 * self.n_candidates)

    def _conclude(self) -> None:
        standing = self.here if self.target == "examples" else self.ahead
        out = (self.running | self.aside) & ~standing
        self.dropped_at[out] = self._n_each[out]
        self.running, self.aside = self.running & standing, self.aside & standing
        left = self.running | self.aside
        if not left.any() or self._is_alone(left):
            self.stop("decided")
        elif self.n_seen >= self.n_items and not self.aside.any():
            self.stop("exhausted")

    def _is_alone(self, left: Bools) -> bool:
        """Whether one is left of whom nothing more is to be learnt."""
        if left.sum() != 1 or self.to_the_end:
            return False
        return self.gates is None or not bool((left & ~self.gates.met & ~self.gates.missed).any())


def _chances(
    means: Floats,
    spread: Floats,
    *,
    n: float,
    finite: int | None,
    generator: np.random.Generator,
    cleared: Bools,
) -> tuple[Floats, Floats]:
    """The posterior probability of each to have the best mean, and that of being behind none of those cleared.

    Normal, with the means and covariance C of n items, shrunk as in `posterior`: (1 - 2/n)C + (2/n)diag C + (0.25/n)I,
    which keeps near-twins from being told apart by one item. Of a finite set the part that was seen is known: the
    covariance of the mean is C/n · (1 - n/N). Equal ones share a draw.
    """
    k = len(means)
    shrunk = (1.0 - 2.0 / n) * spread + (2.0 / n) * np.diag(np.diag(spread)) + (0.25 / n) * np.eye(k)
    left = 1.0 if finite is None else max(1.0 - n / finite, 0.0)
    root = np.linalg.cholesky(shrunk) * math.sqrt(left / n)
    drawn = means + generator.standard_normal((_DRAWS, k)) @ root.T
    best = drawn >= drawn.max(axis=1, keepdims=True) - _DUST
    ahead = np.where(cleared, drawn, -np.inf).max(axis=1, keepdims=True)
    return (best / best.sum(axis=1, keepdims=True)).mean(axis=0), (drawn >= ahead - _DUST).mean(axis=0)
