"""Routers: whom to ask is known from the input, before anything is asked: a lexicon for tweets, a network elsewhere.

The sentences and their ratings are those of Hutto and Gilbert (ICWSM 2014; MIT), as in the example of cascades. VADER,
their lexicon, was made for tweets (`pip install vaderSentiment`); the embeddings are those of all-MiniLM-L6-v2.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

from examples.cascades import ASSETS
from examples.cascades import prepare as prepare_sentiment
from examples.fetching import write_whole

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

VERB = "improve"
OPTIONS = ("--technique", "routers", "--budget", "3 min")
_MOST = {"dev": 300, "test": 500}  # sentences of each domain


def prepare(assets: Path, data: Path) -> None:
    """Writes routes.csv: of each domain of `sentiment-more.csv` the first documents, some 300 sentences and 500."""
    prepare_sentiment(assets, data)
    with (data / "sentiment-more.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    taken: Counter[tuple[str, str]] = Counter()
    documents: set[str] = set()
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ["id", "text", "domain", "document", "label", "split"], extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        whose = (row["domain"], row["split"])
        if row["document"] in documents or taken[whose] < _MOST[row["split"]]:
            documents.add(row["document"])
            taken[whose] += 1
            writer.writerow(row)
    write_whole(data / "routes.csv", out.getvalue().encode())
