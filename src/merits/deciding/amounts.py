"""How many examples, in words: rounded, in the right number, and in the unit that evidence is counted in.

Where examples depend on each other, a group of them is one piece of evidence, and that is what is counted and planned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from merits.deciding.cases import Cases

__all__ = ["ODDS", "about", "about_more", "listed", "pieces", "round_up"]

ODDS = "with probability 80 %"
"""How sure advice on a number of examples is: the default power of `merits.stats.power`, in words."""


def pieces(n: int, examples_a_group: float = 1.0) -> str:
    """A number of independent pieces of evidence with its unit.

    >>> [pieces(1), pieces(1200), pieces(1, 20.0), pieces(20, 20.0)]
    ['1 example', '1,200 examples', '1 group of examples', '20 groups of examples']
    """
    if examples_a_group == 1.0:
        return f"{n:,} example{'' if n == 1 else 's'}"
    return f"{n:,} group{'' if n == 1 else 's'} of examples"


def about_more(n: int, cases: Cases) -> str:
    """The beginning of advice: "About 120 more groups of examples (some 2,400 examples)".

    Where people labelled some answers, it is labels that there must be more of.
    """
    human = cases.evaluation.human
    labels = " with labels of people" if human is not None and human.said.any() else ""
    return f"{about(n, cases.examples_a_group)}{labels}"


def about(n: int, size: float) -> str:
    """The same, where there are `size` different examples for each independent group.

    >>> about(3641, 1.0)
    'About 3,700 more examples'
    """
    planned = round_up(max(n, 1))
    number, unit = pieces(planned, size).split(" ", 1)
    inside = "" if size == 1.0 else f" (some {pieces(round_up(math.ceil(planned * size)))})"
    return f"About {number} more {unit}{inside}"


def round_up(n: int) -> int:
    """The number with two digits that count, rounded up: nobody should plan for 1,234 examples.

    >>> [round_up(n) for n in (7, 64, 341, 1234)]
    [7, 64, 350, 1300]
    """
    if n < 100:
        return n
    unit = int(10 ** (len(str(n)) - 2))
    return math.ceil(n / unit) * unit


def listed(names: Sequence[str]) -> str:
    """The names as in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"
