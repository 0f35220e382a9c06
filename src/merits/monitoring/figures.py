"""What was served lately, counted: how much, how fast, at what cost, how many failed, how many were solved.

Takes records in any order and holds a bounded amount of them, however many come. Knows nothing about what is normal.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.core.live import Arm, Served, of_candidate
from merits.stats.moments import Moments
from merits.stats.proportions import wilson
from merits.stats.quantiles import quantile

__all__ = ["ArmFigures", "Figures", "Stretch"]

_RECENT = 5_000  # latencies that are remembered of an arm
_WIDTH_S = 10.0  # of the narrowest stretch of time
_MOST_STRETCHES = 100_000  # of them that are remembered: 11 days


@dataclass
class ArmFigures:
    """What one release did in one part. `costs` are those that are known, by currency."""

    n: int = 0
    failed: int = 0
    judged: int = 0
    solved: int = 0
    costs: dict[str, Moments] = field(default_factory=dict)
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))

    @property
    def share_failed(self) -> Estimate | None:
        """The share of the requests that the release could not answer; None of none."""
        return wilson(self.failed, self.n) if self.n else None

    @property
    def quality(self) -> Estimate | None:
        """The share solved of those whose outcome is known; None of none."""
        return wilson(self.solved, self.judged) if self.judged else None

    @property
    def cost_per_1000(self) -> Estimate | None:
        """The mean cost of 1,000 answers, of the `n` whose cost is known, in the currency of most; None of none.

        Each answer counts as independent of the others.
        """
        if not self.costs:
            return None
        currency, costs = max(self.costs.items(), key=lambda each: each[1].n)
        return costs.estimate(currency=currency).times(1_000.0)

    def latency_s(self, q: float) -> Estimate | None:
        """A quantile of the last 5,000 latencies, in seconds; None of none."""
        return quantile(np.fromiter(self.seconds, float), q) if self.seconds else None


@dataclass(frozen=True)
class Stretch:
    """A stretch of time that ended at `at` (UNIX seconds): requests, those whose outcome is known, those solved."""

    at: float
    n: int
    judged: int
    solved: int


class _Arm(msgspec.Struct, frozen=True, array_like=True):
    release: int
    arm: Arm
    n: int
    failed: int
    judged: int
    solved: int
    costs: dict[str, Moments]
    seconds: list[float]


class _State(msgspec.Struct, frozen=True):
    arms: list[_Arm]
    time: dict[int, list[int]]
    first: float | None
    last: float | None


class Figures:
    """Counts of what was served, by release and part, and over time.

    >>> from merits.core.answer import Answer
    >>> figures = Figures()
    >>> one = Served(request="r", task="t", release=1, arm="champion", at=5.0, input_hash="", answer=Answer("yes"))
    >>> figures.take([one])
    >>> figures.judged([(one, True)])
    >>> figures.arms[1, "champion"].quality.value, figures.stretches(2)[-1].solved
    (1.0, 1)
    """

    def __init__(self) -> None:
        self.arms: dict[tuple[int, Arm], ArmFigures] = {}
        self._time: dict[int, list[int]] = {}  # by number of the narrowest stretch: requests, judged, solved
        self.first: float | None = None
        self.last: float | None = None

    @property
    def n(self) -> int:
        """How many requests were given an answer (a shadow's nobody was given)."""
        return sum(one.n for (_, arm), one in self.arms.items() if arm != "shadow")

    @property
    def n_judged(self) -> int:
        """Of how many of them the outcome is known."""
        return sum(one.judged for (_, arm), one in self.arms.items() if arm != "shadow")

    def take(self, records: Iterable[Served]) -> None:
        """Counts what was served; where a fallback answered, the release failed."""
        for served in map(of_candidate, records):
            arm = self._arm(served)
            arm.n += 1
            if served.answer.failure is not None:
                arm.failed += 1
            else:
                arm.seconds.append(served.seconds or served.answer.latency_s)
            if served.cost is not None:
                arm.costs.setdefault(served.currency, Moments()).take(served.cost)
            if served.arm != "shadow":
                self._stretch(served.at)[0] += 1
                self.first = served.at if self.first is None else min(self.first, served.at)
                self.last = served.at if self.last is None else max(self.last, served.at)

    def judged(
        self, outcomes: Iterable[tuple[Served, bool]], *, taken_back: Iterable[tuple[Served, bool]] = ()
    ) -> None:
        """Counts outcomes that became known, and takes back those that turned out otherwise."""
        for sign, pairs in ((1, outcomes), (-1, taken_back)):
            for served, solved in pairs:
                arm = self._arm(served)
                arm.judged += sign
                arm.solved += sign * solved
                if served.arm != "shadow":
                    stretch = self._stretch(served.at)
                    stretch[1] += sign
                    stretch[2] += sign * solved

    def per_minute(self, now: float) -> float:
        """Requests a minute over the last five minutes, or since the first."""
        if self.first is None:
            return 0.0
        since = max(now - 300.0, self.first)
        first = math.floor(since / _WIDTH_S)
        n = sum(counts[0] for number, counts in self._time.items() if number >= first)
        return 60.0 * n / max(now - first * _WIDTH_S, _WIDTH_S)

    def stretches(self, most: int = 40) -> list[Stretch]:
        """All time since the first request in at most so many stretches of equal length, oldest first."""
        if not self._time:
            return []
        first, last = min(self._time), max(self._time)
        width = math.ceil((last - first + 1) / most)
        found = []
        for block, numbers in groupby(sorted(self._time), key=lambda number: (number - first) // width):
            counts = np.sum([self._time[number] for number in numbers], axis=0)
            at = min(_WIDTH_S * (first + (block + 1) * width), _WIDTH_S * (last + 1))
            found.append(Stretch(at, *map(int, counts)))
        return found

    def state(self) -> bytes:
        """All of it, to go on from."""
        arms = [
            _Arm(release, arm, one.n, one.failed, one.judged, one.solved, one.costs, [*one.seconds])
            for (release, arm), one in self.arms.items()
        ]
        return msgspec.msgpack.encode(_State(arms, self._time, self.first, self.last))

    @staticmethod
    def of(state: bytes) -> Figures:
        """The figures that were kept as `state`."""
        read, figures = msgspec.msgpack.decode(state, type=_State), Figures()
        for one in read.arms:
            counts = (one.n, one.failed, one.judged, one.solved, one.costs)
            figures.arms[one.release, one.arm] = ArmFigures(*counts, deque(one.seconds, maxlen=_RECENT))
        figures._time, figures.first, figures.last = read.time, read.first, read.last
        return figures

    def _arm(self, served: Served) -> ArmFigures:
        return self.arms.setdefault((served.release, served.arm), ArmFigures())

    def _stretch(self, at: float) -> list[int]:
        number = math.floor(at / _WIDTH_S)
        if number not in self._time and len(self._time) >= _MOST_STRETCHES:
            del self._time[min(self._time)]
        return self._time.setdefault(number, [0, 0, 0])
