"""What benchmarks of training share: rows of a CSV file in an order that stays, and gains on the same examples."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.stats import difference_bounds, mean_score, wilson

__all__ = ["COLUMNS", "figures_of", "gain_of", "rows_of", "write_rows"]

COLUMNS = {"accuracy": "solved", "gain": "gain", "cost": "USD for 1,000,000"}


def rows_of(file: Path) -> list[tuple[str, str]]:
    """Text and label (or category) of each row, in a random order that is always the same."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    target = "category" if "category" in rows[0] else "label"
    return [(rows[at]["text"], rows[at][target]) for at in np.random.default_rng(0).permutation(len(rows))]


def write_rows(file: Path, rows: Sequence[tuple[str, str]]) -> None:
    """Writes texts and labels as a CSV file."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([("text", "label"), *rows])


def gain_of(evaluation: Evaluation, name: str, over: str) -> Estimate:
    """The share solved by one candidate less that of another, on the same examples, whose groups count as one."""
    solved = [evaluation.solved[evaluation.index(one)].astype(float) for one in (name, over)]
    groups = evaluation.group if len(np.unique(evaluation.group)) < evaluation.n_rows else None
    return difference_bounds(solved[0], solved[1], groups)


def figures_of(evaluation: Evaluation, name: str, over: str) -> dict[str, object]:
    """The share solved by a candidate, its gain over another ("" for none), and what a million answers cost."""
    at = evaluation.index(name)
    solved = evaluation.solved[at]
    grouped = len(np.unique(evaluation.group)) < evaluation.n_rows
    share = (
        mean_score(solved.astype(float), evaluation.group) if grouped else wilson(int(solved.sum()), evaluation.n_rows)
    )
    return {
        "accuracy": str(share),
        "gain": str(gain_of(evaluation, name, over)) if over else "",
        "cost": round(float(evaluation.cost[at].mean()) * 1e6, 4) if evaluation.priced[at] else None,
    }
