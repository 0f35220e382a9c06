"""Fine-tuning: all-MiniLM-L6-v2 trained in two processes, in full and by an adapter (LoRA), beside a linear head on it.

The sentences and their ratings are those of Hutto and Gilbert (ICWSM 2014; MIT), as in the demonstration; the encoder
is Apache-2.0. Takes about two minutes on two cores; `merits improve` on the same task file looks for better settings.
"""

from __future__ import annotations

from pathlib import Path

from examples import text_classification

__all__ = ["ASSETS", "prepare"]

ASSETS = tuple(asset for asset in text_classification.ASSETS if not asset.target.endswith(".gguf"))


def prepare(assets: Path, data: Path) -> None:
    """Writes `sentiment.csv`: see `demo.fetch_assets.write_sentiment`."""
    text_classification.prepare(assets, data)
