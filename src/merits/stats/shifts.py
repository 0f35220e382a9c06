"""How far streams are from their reference now: the present effect, with an interval.

A test says that something changed; this says how much, over about the last 50, 400 or 3,000 events, whichever shows it
most clearly. It is what an effect floor is held against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merits.core.estimate import Estimate
from merits.stats.critical import Floats, Ints
from merits.stats.proportions import wilson

__all__ = ["Recent", "Shift", "shift_between"]

_SPANS = (50.0, 400.0, 3_000.0)
_BLOCK = 256


@dataclass(frozen=True)
class Shift:
    """The greatest shift in a share. `cut` is the number of the bin: of those up to it (numbers), or of it alone.

    `shift` is in points, `now` the share among recent values, `before` that in the reference, each with its interval.
    """

    cut: int
    shift: Estimate
    now: Estimate
    before: Estimate


class Recent:
    """The recent shares of the bins of many streams, `counts` (spans, streams, bins): older events weigh less."""

    def __init__(self, n_streams: int, n_bins: int) -> None:
        self.counts = np.zeros((len(_SPANS), n_streams, n_bins))
        self.squares = np.zeros((len(_SPANS), n_streams))  # of the weights: for the effective number

    def see(self, bins: Ints) -> None:
        """Takes events, oldest first: bins (events, streams), -1 where there is none. An event of any is time."""
        for first in range(0, len(bins), _BLOCK):
            self._see(bins[first : first + _BLOCK])

    def _see(self, bins: Ints) -> None:
        _, n_streams, n_bins = self.counts.shape
        seen = bins >= 0
        age: Ints = np.cumsum(seen[::-1], axis=0)[::-1] - seen  # by events of that stream that came later
        n_new = seen.sum(axis=0)
        flat = (np.arange(n_streams) * n_bins + bins)[seen]
        for number, span in enumerate(_SPANS):
            kept = 1.0 - 1.0 / span
            weights = kept**age
            new = np.bincount(flat, weights[seen], minlength=n_streams * n_bins).reshape(n_streams, n_bins)
            self.counts[number] = self.counts[number] * (kept**n_new)[:, None] + new
            self.squares[number] = self.squares[number] * kept ** (2 * n_new) + np.where(seen, weights**2, 0.0).sum(
                axis=0
            )

    def arrays(self) -> dict[str, Floats | Ints]:
        """What it goes on from: see `restore`."""
        return {"recent": self.counts, "squares": self.squares}

    def restore(self, arrays: Mapping[str, Floats | Ints]) -> None:
        """Goes on from what `arrays` gave."""
        self.counts, self.squares = np.array(arrays["recent"]), np.array(arrays["squares"])

    def shift(self, stream: int, reference: Ints, *, ordered: bool, level: float = 0.95) -> Shift | None:
        """The greatest shift of a stream against the counts of its reference; None before anything came.

        Of the spans the one whose shift lies most clearly above 0; each interval holds at the level that makes all of
        them hold together.
        """
        found: list[Shift] = []
        shared = 1.0 - (1.0 - level) / len(_SPANS)
        for number in range(len(_SPANS)):
            counts, squares = self.counts[number, stream], float(self.squares[number, stream])
            if squares > 0:
                effective = float(counts.sum()) ** 2 / squares
                scaled = counts * effective / counts.sum()
                found.append(shift_between(scaled, reference, ordered=ordered, level=shared))
        return max(found, key=lambda one: (one.shift.low or 0.0, one.shift.value or 0.0), default=None)


def shift_between(now: Floats, reference: Ints, *, ordered: bool, level: float = 0.95) -> Shift:
    """The greatest difference in a share between two samples, by their counts in the same bins (bins,).

    Ordered bins are cut in two at each place (the Kolmogorov-Smirnov distance), others taken one by one. The interval
    holds for the greatest difference there is, not only for the one that was picked: each side's distribution lies
    within √(ln(4/(1-level))/2n) of its sample's everywhere (Massart 1990, doi:10.1214/aop/1176990746), of a single
    bin's share within twice that. Its low end is 0 or more: a distance.

    >>> found = shift_between(np.array([10.0, 90.0]), np.array([50, 50]), ordered=True)
    >>> found.cut, found.shift.text(), found.now.text()
    (0, '+40.0 points [+10.4 to +69.6 points]', '10.0 % [5.5–17.4 %]')
    """
    n, m = float(np.sum(now)), float(np.sum(reference))
    shares, before = np.asarray(now) / max(n, 1e-12), np.asarray(reference) / max(m, 1e-12)
    if ordered:
        shares, before = np.cumsum(shares), np.cumsum(before)
    gaps = np.abs(shares - before)
    cut = int(np.argmax(gaps))
    reach = sum(np.sqrt(np.log(4.0 / (1.0 - level)) / (2.0 * max(size, 1e-12))) for size in (n, m))
    reach = float(reach) * (1.0 if ordered else 2.0)
    gap = float(gaps[cut])
    size = max(1, round(min(n, m)))
    shift = Estimate(
        value=gap,
        low=max(0.0, gap - reach),
        high=min(1.0, gap + reach),
        level=level,
        n=size,
        unit="points",
        method="greatest shift of a share, Dvoretzky-Kiefer-Wolfowitz",
    )
    ends = (
        wilson(float(np.clip(share[cut], 0.0, 1.0)) * size, size, level) for share, size in ((shares, n), (before, m))
    )
    now_share, before_share = ends
    return Shift(cut, shift, now_share, before_share)
