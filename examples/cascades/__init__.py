"""Cascades: the cheap candidate first and the dear one where it is unsure, found on what both said, with a floor.

The sentences and their ratings are those of Hutto and Gilbert (ICWSM 2014; MIT), as in the demonstration, with more
of them to test on. The embeddings are those of all-MiniLM-L6-v2 (Apache-2.0).
"""

from __future__ import annotations

from pathlib import Path

from demo.fetch_assets import ASSETS as DEMO_ASSETS
from demo.fetch_assets import write_sentiment

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

ASSETS = tuple(asset for asset in DEMO_ASSETS if not asset.target.endswith(".gguf"))
VERB = "improve"
OPTIONS = ("--technique", "cascades", "--technique", "routers", "--budget", "3 min")


def prepare(assets: Path, data: Path) -> None:
    """Writes `sentiment-more.csv`: see `demo.fetch_assets.write_sentiment`."""
    write_sentiment(assets / "hutto_ICWSM_2014.tar.gz", data)
