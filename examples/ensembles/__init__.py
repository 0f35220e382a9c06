"""Ensembles: what a tree and naive Bayes make of digits together, by voting, stacking, bagging and boosting.

1,797 digits of 8 x 8 points, each in the hand of one of 43 people (Alpaydin & Kaynak 1998, UCI). They come with
scikit-learn: nothing is fetched.
"""

from __future__ import annotations

import csv
from pathlib import Path

from examples.fetching import Asset

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

ASSETS: tuple[Asset, ...] = ()
VERB = "improve"
OPTIONS = (
    *("--technique", "voting", "--technique", "stacking", "--technique", "bagging", "--technique", "boosting"),
    *("--budget", "3 min", "--finalists", "6"),
)


def prepare(assets: Path, data: Path) -> None:
    """Writes digits.csv: how dark each of 64 points is (0 to 16), and the digit."""
    from sklearn.datasets import load_digits

    found = load_digits()
    data.mkdir(parents=True, exist_ok=True)
    with (data / "digits.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*(f"p{row}{column}" for row in range(8) for column in range(8)), "digit"])
        for points, digit in zip(found.data.tolist(), found.target.tolist(), strict=True):
            writer.writerow([*(f"{point:g}" for point in points), digit])
