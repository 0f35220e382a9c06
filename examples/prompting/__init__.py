"""Prompting: a small local model sees where it failed, and writes itself better instructions (GEPA).

The questions for capitals of the example of text generation (GeoNames, CC BY 4.0), asked of Gemma 3 270M (Gemma terms
of use), a base model: it is asked to write in a way that one understands who only goes on with texts.
"""

from __future__ import annotations

from examples import text_generation
from examples.text_generation import prepare

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

ASSETS = tuple(asset for asset in text_generation.ASSETS if not asset.target.startswith("SmolLM2"))
VERB = "improve"
OPTIONS = ("--technique", "prompting", "--budget", "5 min")
