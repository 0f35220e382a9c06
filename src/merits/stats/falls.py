"""Whether the mean of bounded values is no longer at least a bar: tests that may be looked at any time.

For what a release promised: the share solved, a score, a share of errors, a mean confidence. Each value in 0..1 is bet
on to lie below the bar; while the mean of the next value, given those before, is at or above it, the bets cannot be
expected to win (Waudby-Smith & Ramdas 2024, doi:10.1093/jrsssb/qkad009), whatever the distribution and however the
values depend on each other. New bets are opened all the time, so that a fall after a long good time is found as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merits.stats.critical import Bools, Floats, Ints
from merits.stats.wealth import Promise, Wealth

__all__ = ["Falls"]

_STAKES = np.array([0.04, 0.12, 0.3, 0.6, 0.9])


class Falls:
    """Tests of many streams at once: `bars` (streams,) in 0..1 is what each mean must not fall below.

    For a mean that must not rise above a bar, give 1 - bar and 1 - values. The promise is that of `Wealth`: with
    "ever", the wealth of a stream whose mean stays at its bar or above reaches 1/alpha with probability at most alpha.
    A bar that was estimated is to be a bound of it, whose own error is added; an effect floor is taken off the bar.
    """

    def __init__(self, bars: Floats, promise: Promise = "ever") -> None:
        self.bars = np.clip(np.asarray(bars, np.float64), 0.0, 1.0)
        self.wealth = Wealth(np.full((len(self.bars), len(_STAKES)), 1.0 / len(_STAKES)), promise)

    def see(self, values: Floats) -> None:
        """Takes events, oldest first: values in 0..1 (events, streams), NaN where a stream has none."""
        seen = ~np.isnan(values)
        held = np.clip(np.where(seen, values, 0.0), 0.0, 1.0)
        gap = (self.bars - held) / np.maximum(1.0 - self.bars, 1e-9)
        gap = np.where(self.bars >= 1.0, np.where(held < 1.0, np.inf, 0.0), gap)  # below 1 a mean of 1 is impossible
        gap = np.where(self.bars <= 0.0, 0.0, np.minimum(gap, 1e3))
        self.wealth.take(1.0 + _STAKES * gap[:, :, None], seen)

    def arrays(self) -> dict[str, Floats | Ints]:
        """What it goes on from: see `restore`."""
        return self.wealth.arrays()

    def restore(self, arrays: Mapping[str, Floats | Ints]) -> None:
        """Goes on from what `arrays` gave."""
        self.wealth.restore(arrays)

    def restart(self, streams: Bools) -> None:
        """Begins anew on some streams."""
        self.wealth.restart(streams)
