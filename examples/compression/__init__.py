"""Compression: a forest that reads words, and its copy in ONNX: as good as before, and answered in less time.

The sentences and their ratings are those of Hutto and Gilbert (ICWSM 2014; MIT), as in the demonstration, with more
of them to test on.
"""

from __future__ import annotations

from examples.cascades import ASSETS, prepare

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

VERB = "improve"
OPTIONS = ("--technique", "compression", "--budget", "3 min")
