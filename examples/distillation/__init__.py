"""Distillation: an embedding teaches words, which take a fraction of its time, by sentences without labels.

The sentences are those of Hutto and Gilbert (ICWSM 2014; MIT), as in the demonstration; those that are in none of its
splits are given without their ratings. The teacher uses all-MiniLM-L6-v2 (Apache-2.0).
"""

from __future__ import annotations

import csv
from pathlib import Path

from examples import cascades

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

ASSETS = cascades.ASSETS
VERB = "improve"
OPTIONS = ("--technique", "distillation", "--budget", "3 min")
N_UNLABELLED = 2_000


def prepare(assets: Path, data: Path) -> None:
    """Writes `sentiment-more.csv`, and `unlabelled.txt` of sentences that are not in it."""
    cascades.prepare(assets, data)
    with (data / "sentiment-more.csv").open(encoding="utf-8", newline="") as file:
        known = {row["text"] for row in csv.DictReader(file)}
    with (data / "sentiment-all.csv").open(encoding="utf-8", newline="") as file:
        others = [row["text"] for row in csv.DictReader(file) if row["text"] not in known and "\n" not in row["text"]]
    (data / "unlabelled.txt").write_text("\n".join(others[:: max(len(others) // N_UNLABELLED, 1)]), encoding="utf-8")
