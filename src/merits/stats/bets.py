"""Bets that the leader of a race is better than each rival, and what they have won.

A rival's wealth is a mixture: five fixed stakes, and one stake that follows what the pair has shown so far, which wins
where no fixed stake fits and loses little where one does.
"""

from __future__ import annotations

import numpy as np
import scipy

from merits.stats.critical import Bools, Floats, Ints

__all__ = ["Bets"]

_STAKES = np.array([0.03, 0.10, 0.22, 0.40, 0.70])
_FOLLOWING = 0.3  # the weight of the stake that follows the data
_WEIGHTS = np.append((1.0 - _FOLLOWING) * np.array([0.14, 0.26, 0.26, 0.20, 0.14]), _FOLLOWING)
_LOG_WEIGHTS = np.log(_WEIGHTS)
_SMALLEST, _LARGEST = 0.02, 0.92
_PRIOR = 0.5  # squared differences that were never seen, so that few items make no large stakes
_SAFE = 0.97  # of the stake that would risk everything
_BLOCK = 128  # factors multiplied before a logarithm is taken: no product of so many under- or overflows
_LEAST = 0.01  # of a factor; less is only where catching up has become impossible, which counts by itself


class Bets:
    """The wealth of the bets against each of `n_candidates`; `n_items` is the size of a finite set, None for traffic.

    What was bet with one leader is kept apart from what was bet with another: while it is not certain that a leader
    meets what is required, its wins count for nothing and its losses in full. So the wealth never exceeds what betting
    with the leaders alone that truly meet it would have won, and keeps that promise.
    """

    def __init__(self, n_candidates: int, n_items: int | None) -> None:
        self._n_items = n_items
        self._won: dict[int, Floats] = {}  # by leader: log wealth (candidates, stakes)
        self._all = np.zeros((n_candidates, len(_WEIGHTS)))  # with all of them
        self._squares: dict[int, tuple[Floats, Ints]] = {}  # by leader: sums of squared differences, and of how many
        self._peak = np.full(n_candidates, -np.inf)
        self._impossible: dict[int, Bools] = {}
        self._n = n_candidates

    def take(
        self,
        leader: int,
        rivals: Ints,
        difference: Floats,
        *,
        behind: Floats,
        n_seen: int,
        certain: Bools | None,
    ) -> None:
        """Bets on `difference` (rivals, items), the leader's score minus each rival's, in -1..1.

        `behind` (rivals,) is the sum of the differences over the `n_seen` items before. `certain` (candidates,) says
        who certainly meets what is required; None where nothing is.
        """
        fair = self._fair(difference, behind, n_seen)
        squares, n_led = self._squares.setdefault(leader, (np.zeros(self._n), np.zeros(self._n, np.int64)))
        stakes = _stakes(behind / (n_seen + 1.0), (squares[rivals] + _PRIOR) / (n_led[rivals] + 1.0))
        squares[rivals] += (difference**2).sum(axis=1)
        n_led[rivals] += difference.shape[1]
        won = self._won.setdefault(leader, np.zeros((self._n, len(_WEIGHTS))))
        counts = certain is None or bool(certain[leader])
        start = self._all if certain is None else self._counting(certain)
        gain = difference if self._n_items is None else difference - np.maximum(fair, -1.0)
        path_peak, gained = _wealth(gain, fair, stakes, start[rivals])
        if counts:
            self._peak[rivals] = np.maximum(self._peak[rivals], path_peak)
        won[rivals] += gained
        self._all[rivals] += gained
        if self._n_items is not None:
            left = self._n_items - n_seen - difference.shape[1]
            total = behind + difference.sum(axis=1)
            impossible = self._impossible.setdefault(leader, np.zeros(self._n, np.bool_))
            impossible[rivals] |= (fair < -1.0).any(axis=1) | (total > left + 1e-9)

    def lost(self, delta: float, certain: Bools | None) -> Bools:
        """Who cannot be the best: the bets against them won 1/delta or more, or too few items are left to catch up."""
        if certain is not None and self._won:  # who became certain since makes what was won with it count
            self._peak = np.maximum(self._peak, scipy.special.logsumexp(_LOG_WEIGHTS + self._counting(certain), axis=1))
        lost = self._peak >= -np.log(delta)
        for leader, impossible in self._impossible.items():
            if certain is None or certain[leader]:
                lost = lost | impossible
        return np.asarray(lost, dtype=np.bool_)

    def _fair(self, difference: Floats, behind: Floats, n_seen: int) -> Floats:
        """What each difference is expected to be at most if the rival is not worse, given those before it."""
        if self._n_items is None:
            return np.zeros((0, 0))
        before = np.cumsum(difference, axis=1) - difference + behind[:, None]
        left = self._n_items - n_seen - np.arange(difference.shape[1])
        return np.asarray(-before / left)

    def _counting(self, certain: Bools) -> Floats:
        """The log wealth (candidates, stakes) by the rule of the class."""
        parts = (won if certain[leader] else np.minimum(won, 0.0) for leader, won in self._won.items())
        return np.asarray(sum(parts, start=np.zeros_like(self._all)))


def _stakes(mean: Floats, square: Floats) -> Floats:
    """The stakes (rivals, stakes): the fixed ones, and one from the mean and mean square of what was seen before.

    mean / (square + mean²) nearly maximises the expected log wealth (Waudby-Smith & Ramdas 2024, section B.2).
    """
    following = np.clip(mean / (square + mean**2), _SMALLEST, _LARGEST)
    return np.column_stack([np.broadcast_to(_STAKES, (len(mean), len(_STAKES))), following])


def _wealth(gain: Floats, fair: Floats, stakes: Floats, start: Floats) -> tuple[Floats, Floats]:
    """The highest log of the mixed wealth on the way (rivals,), and what each stake gained in all (rivals, stakes)."""
    log_wealth = start + _LOG_WEIGHTS
    peak = np.full(len(gain), -np.inf)
    for first in range(0, gain.shape[1], _BLOCK):
        block = gain[:, None, first : first + _BLOCK]
        held = stakes[:, :, None]
        if fair.size and float(fair[:, first : first + _BLOCK].max()) > _SAFE / _LARGEST - 1.0:
            expected = np.maximum(fair[:, None, first : first + _BLOCK], -0.5)
            held = np.minimum(held, _SAFE / (1.0 + expected))
        factors = held * block
        factors += 1.0
        np.maximum(factors, _LEAST, out=factors)
        np.cumprod(factors, axis=2, out=factors)
        top = log_wealth.max(axis=1, keepdims=True)
        mixed = (np.exp(log_wealth - top)[:, None, :] @ factors)[:, 0, :]
        peak = np.maximum(peak, top[:, 0] + np.log(mixed.max(axis=1)))
        log_wealth = log_wealth + np.log(factors[:, :, -1])
    return peak, log_wealth - start - _LOG_WEIGHTS
