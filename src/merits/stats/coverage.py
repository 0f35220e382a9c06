"""How many different things are in many lists together, and how evenly: neither is a mean over lists.

Both are intervals for as many lists as there are: more lists hold more. Lists are independent (one user each).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merits.core.estimate import Estimate
from merits.stats.critical import Floats, t_critical

__all__ = ["different_things", "effective_number"]

Lists = NDArray[np.integer]
"""Codes of things from 0, of shape (lists, places); -1 where a list ends before."""


def different_things(lists: Lists, level: float = 0.95) -> Estimate:
    """How many different things are in the lists together (the coverage of a catalogue, as a count).

    The variance is the jackknife's over lists: leaving a list out takes away what is in no other. It is never too small
    on average (Efron & Stein 1981, doi:10.1214/aos/1176345462). As with rates, two lists are made up, one that brings
    nothing but things of its own and one that brings none: lists that are all the same leave open what the next holds.

    >>> print(different_things(np.array([[0, 1], [0, 2], [0, 1], [1, 0]])))
    3 [2–8], n = 4
    """
    counts, own = _counts(lists)
    alone = np.where(lists >= 0, own == 1, False).sum(axis=1).astype(np.float64)
    made_up = np.concatenate([alone, [float((lists >= 0).sum(axis=1).max(initial=0)), 0.0]])
    return _estimate(float((counts > 0).sum()), made_up, lists, level, "different things in all lists: jackknife, t")


def effective_number(lists: Lists, level: float = 0.95) -> Estimate:
    """How many things, equally common in the lists, would be as hard to foresee: one over the sum of squared shares.

    It is all of them where each stands in as many lists, and few where nearly all lists hold the same (Hill 1973,
    doi:10.2307/1934352, order 2). The interval is the jackknife's over lists, with two
    made-up ones as for `different_things`.

    >>> print(effective_number(np.array([[0, 1], [0, 1], [2, 3], [2, 3]])))
    4 [2–9], n = 4
    """
    counts, own = _counts(lists)
    there = lists >= 0
    n_each = there.sum(axis=1).astype(np.float64)
    total, squares = float(counts.sum()), float((counts**2).sum())
    if not total:
        return _estimate(0.0, np.zeros(1), lists, level, "effective number of things")
    value = total**2 / squares
    without = squares - 2.0 * np.where(there, own, 0.0).sum(axis=1) + n_each
    left = (total - n_each) ** 2 / np.where(without > 0, without, 1.0)
    longest = float(n_each.max())
    more = (total + longest) ** 2 / (squares + longest)  # with a further list, of things that are in no other
    changes = np.concatenate([left - value, [more - value, 0.0]])
    return _estimate(value, changes, lists, level, "effective number of things: jackknife, t")


def _counts(lists: Lists) -> tuple[Floats, Floats]:
    """In how many lists each thing is, and that number at its places."""
    flat = lists[lists >= 0]
    counts = np.bincount(flat, minlength=1).astype(np.float64)
    return counts, counts[np.maximum(lists, 0)]


def _estimate(value: float, changes: Floats, lists: Lists, level: float, method: str) -> Estimate:
    """The value with the interval that the changes of leaving lists out make; never below what one list holds."""
    n = len(lists)
    if n < 2:
        return Estimate(value=value, low=None, high=None, level=level, n=n, unit="count", method=method)
    variance = float(((changes - changes.mean()) ** 2).sum()) * (len(changes) - 1) / len(changes)
    half = float(t_critical(level, n - 1)) * variance**0.5
    least = min(value, float((lists >= 0).sum(axis=1).max()))
    return Estimate(
        value=value, low=max(value - half, least), high=value + half, level=level, n=n, unit="count", method=method
    )
