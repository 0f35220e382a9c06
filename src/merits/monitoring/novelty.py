"""Whether a value of one metric is like none that came before: for latency, cost, volume and errors by the minute.

A value is as odd as it is far from the nearest earlier one, by what such distances usually are and by what the metric
usually spreads. It needs no model of rhythm or trend: what comes back every day has a near neighbour. On the Numenta
Anomaly Benchmark that does better than all but one of the published detectors by its standard profile (`python -m
benchmarks stream`). What it cannot see is a usual value at an unusual time; a shift of level is for the tests in
`merits.stats.change`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

import msgspec

from merits.stats.moments import Moments

__all__ = ["THRESHOLD", "Novelty"]

THRESHOLD = 10.0
_SAME = 1e-5  # of the spread: nearer values are the same, and are kept once
_NARROWEST = 1e-4  # of the spread: no smaller deviation of distances is believed


class _State(msgspec.Struct):
    values: list[float]
    distances: Moments
    levels: Moments
    latest: list[tuple[int, float]]
    n: int


class Novelty:
    """Scores values one by one. The first `learn` have the score 0; after a score, for `silence` values, only a higher
    one counts: one incident is one alarm.

    A value takes a few microseconds, and memory grows with values that differ only.
    """

    def __init__(self, learn: int = 750, silence: int = 225, state: bytes | None = None) -> None:
        self._learn, self._silence = learn, silence
        fresh = _State([], Moments(), Moments(), [], 0)
        self._s = fresh if state is None else msgspec.msgpack.decode(state, type=_State)
        self._latest = deque(self._s.latest)

    def see(self, value: float) -> float:
        """How odd a value is, 0 or more; above `THRESHOLD` is worth an alarm."""
        s = self._s
        distance = self._distance(value)
        s.levels.take(value)
        spread = s.levels.spread
        odd = 0.0
        if distance is not None:
            if s.distances.n >= 5 and spread > 0:
                usual = max(s.distances.spread, _NARROWEST * spread)
                odd = max(0.0, distance - s.distances.mean) / usual * math.sqrt(distance / spread)
            s.distances.take(distance)
        if distance is None or distance > _SAME * spread:
            s.values.insert(bisect_left(s.values, value), value)
        highest = self._highest()
        self._remember(odd)
        s.n += 1
        return odd if s.n > self._learn and odd > highest else 0.0

    def state(self) -> bytes:
        """What it goes on from."""
        self._s.latest = list(self._latest)
        return msgspec.msgpack.encode(self._s)

    def _distance(self, value: float) -> float | None:
        values: Sequence[float] = self._s.values
        if not values:
            return None
        at = bisect_left(values, value)
        below = value - values[at - 1] if at else math.inf
        return min(below, values[at] - value if at < len(values) else math.inf)

    def _highest(self) -> float:
        """The highest of the last `silence` scores; -1 for none."""
        while self._latest and self._latest[0][0] < self._s.n - self._silence:
            self._latest.popleft()
        return self._latest[0][1] if self._latest else -1.0

    def _remember(self, odd: float) -> None:
        while self._latest and self._latest[-1][1] <= odd:
            self._latest.pop()
        self._latest.append((self._s.n, odd))
