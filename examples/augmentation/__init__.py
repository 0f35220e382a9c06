"""Augmentation: what a classifier of words gains by learning from changed copies of few sentences, and whether it does.

The sentences and their ratings are those of Hutto and Gilbert (ICWSM 2014; MIT), as in the demonstration, with more
of them to test on.
"""

from __future__ import annotations

from examples import cascades
from examples.cascades import prepare

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

ASSETS = tuple(asset for asset in cascades.ASSETS if asset.target.endswith(".tar.gz"))
VERB = "improve"
OPTIONS = ("--technique", "augmentation", "--budget", "3 min")
