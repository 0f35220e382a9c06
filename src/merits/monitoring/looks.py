"""When to decide again on live outcomes, and at which confidence, so that looking often is no reason to be wrong.

A decision is made for a fixed number of cases. Here it is made at growing numbers of them, and each look may use up a
share of what is allowed: alpha * 6 / (pi * k)**2 at the k-th, which sum to alpha however many there are (a union bound;
"alpha spending", Lan & DeMets 1983, doi:10.1093/biomet/70.3.659). Looks are few, for each waits for half as many cases
again as there were; so something is found out with at most half as many cases again as an interval needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from msgspec.structs import replace

from merits.core.needs import Needs

__all__ = ["FIRST", "GROWTH", "Look", "at_level", "look_at"]

FIRST = 40  # cases with a known outcome
GROWTH = 1.5


@dataclass(frozen=True)
class Look:
    """The `number`-th look (from 1), at the first `n` cases, and how sure its findings must be (`level`)."""

    number: int
    n: int
    level: float


def look_at(n: int, done: int, alpha: float) -> Look | None:
    """The look that is due at n cases after so many looks; None while it is not. A late one is made at all n.

    >>> look_at(39, 0, 0.05) is None, look_at(45, 0, 0.05).number
    (True, 1)
    >>> look_at(59, 1, 0.05) is None, round(look_at(60, 1, 0.05).level, 4)
    (True, 0.9924)
    """
    number = done + 1
    if n < math.ceil(FIRST * GROWTH**done):
        return None
    while n >= math.ceil(FIRST * GROWTH**number):  # as if those between had been made: their shares are not used
        number += 1
    return Look(number, n, 1.0 - alpha * 6.0 / (math.pi * number) ** 2)


def at_level(needs: Needs, level: float, incumbent: str, *, n_beside: int = 0) -> Needs:
    """The needs as they are judged at a look, with the one that serves in use.

    Any requirement that is said to be missed, and any of `n_beside` others that is said to be better, says that the
    decision is wrong. So each may err an equal share of what the look may (Bonferroni); facts cannot err.

    >>> from merits.core.needs import Requirement
    >>> bars = (Requirement("accuracy", ">=", 0.8), Requirement("recall", ">=", 0.7, of="spam"))
    >>> at_level(Needs(requirements=bars), 0.99, "t@1").requirements[0].confidence
    0.995
    """
    bars = [one for one in needs.requirements if not one.is_fact]
    n_claims = len(bars) + (needs.worth_of_solved is not None) + n_beside
    each = 1.0 - (1.0 - level) / max(n_claims, 1)
    requirements = tuple(replace(requirement, confidence=each) for requirement in needs.requirements)
    return replace(needs, requirements=requirements, confidence=each, incumbent=incumbent)
