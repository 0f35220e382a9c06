"""Rows of rare classes between those there are (SMOTE). Knows nothing about who learns from them.

Chawla, Bowyer, Hall and Kegelmeyer (2002), "SMOTE: Synthetic Minority Over-sampling Technique", Journal of Artificial
Intelligence Research 16, 321-357; columns that hold no numbers as in its SMOTE-NC (section 6.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from merits.core.identity import JSON
from merits.core.task import Example
from merits.perturbations.numbers_in_columns import amount, as_it_was

__all__ = ["smote"]

_NEIGHBOURS = 5

Row = Mapping[str, JSON]


def smote(
    examples: Sequence[Example], strength: float, random: np.random.Generator
) -> list[tuple[int, dict[str, JSON]]]:
    """New rows, each with the number of the example that it was made of, whose label it has.

    Every class is brought nearer to the largest by that share of what it lacks (1: to the same size). A new row lies on
    the line from an example to one of its five nearest neighbours in its class, at a place that is drawn; columns that
    hold no numbers have the value that is most common among the neighbours. A class with one row has no neighbours, and
    gets none.

    >>> rows = [Example(str(n), {"x": float(n), "town": "Bonn"}, "rare" if n < 3 else "common") for n in range(9)]
    >>> made = smote(rows, 1.0, np.random.default_rng(0))
    >>> len(made), all(0 <= row["x"] <= 2 and row["town"] == "Bonn" for _, row in made)
    (3, True)
    """
    if not 0 < strength <= 1:
        raise ValueError(f"smote fills a share from above 0 to 1 of what a class lacks, not {strength:g}")
    places = [n for n, example in enumerate(examples) if isinstance(example.input, Mapping)]
    by_label: dict[str, list[int]] = {}
    for n in places:
        by_label.setdefault(str(examples[n].target), []).append(n)
    if not by_label:
        return []
    rows: dict[int, Row] = {n: input for n in places if isinstance(input := examples[n].input, Mapping)}
    table, spreads = _numbers(rows)
    largest = max(map(len, by_label.values()))
    made: list[tuple[int, dict[str, JSON]]] = []
    for label in sorted(by_label):
        members = by_label[label]
        wanted = round(strength * (largest - len(members)))
        if len(members) < 2 or not wanted:
            continue
        near = _neighbours(members, rows, table, spreads)
        for _ in range(wanted):
            at = int(random.integers(len(members)))
            other = near[at][int(random.integers(len(near[at])))]
            made.append((members[at], _between(rows, members[at], other, near[at], float(random.random()))))
    return made


def _numbers(rows: Mapping[int, Row]) -> tuple[dict[str, dict[int, float]], dict[str, float]]:
    """The columns in which every row has a number, each with its values and its standard deviation."""
    names = sorted({name for row in rows.values() for name in row})
    table = {
        name: {n: number for n, row in rows.items() if (number := amount(row.get(name))) is not None} for name in names
    }
    table = {name: values for name, values in table.items() if len(values) == len(rows)}
    return table, {name: float(np.std([*values.values()])) for name, values in table.items()}


def _neighbours(
    members: Sequence[int],
    rows: Mapping[int, Row],
    table: Mapping[str, Mapping[int, float]],
    spreads: Mapping[str, float],
) -> list[list[int]]:
    """The nearest of each member's class: by numbers over their spread, and the median spread for each other column."""
    used = [name for name, spread in spreads.items() if spread > 0]
    matrix = np.array([[table[name][n] / spreads[name] for name in used] for n in members], np.float64)
    squares = np.zeros((len(members), len(members)))
    for column in matrix.T:
        squares += (column[:, None] - column[None, :]) ** 2
    for name in sorted({name for n in members for name in rows[n]} - {*table}):
        cells = np.array([repr(rows[n].get(name)) for n in members])
        squares += cells[:, None] != cells[None, :]  # numbers were divided by their spread: a difference is 1 of them
    np.fill_diagonal(squares, np.inf)
    order: NDArray[np.intp] = np.argsort(squares, axis=1, kind="stable")[:, : min(_NEIGHBOURS, len(members) - 1)]
    return [[members[int(at)] for at in row] for row in order]


def _between(rows: Mapping[int, Row], first: int, second: int, near: Sequence[int], share: float) -> dict[str, JSON]:
    made: dict[str, JSON] = {}
    for name, cell in rows[first].items():
        here, there = amount(cell), amount(rows[second].get(name))
        if here is not None and there is not None:
            number = here + share * (there - here)
            made[name] = as_it_was(float(f"{number:.9g}"), cell)
        else:
            common = Counter(repr(rows[n].get(name)) for n in near).most_common(1)[0][0]
            made[name] = next(rows[n].get(name) for n in near if repr(rows[n].get(name)) == common)
    return made
