"""Emoji between the words, as in chats."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import chosen, share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "emoji for each gap between words"
LEVELS = (0.05, 0.1, 0.2)
VERSION = 1
# No faces, hearts or thumbs: these would say something of what somebody feels.
_EMOJI = ("🌍", "🚲", "📎", "🧭", "🪴", "🎲", "🧩", "📌", "🚪", "🥄", "🪑", "🧵", "⏰", "📦", "🔑", "🧱")


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with an emoji in that share of its gaps between words (the nearest whole number; its end is a gap).

    Nothing is taken away: without them it is the text that it was.

    >>> perturb("nobody minds at all", 0.25, np.random.default_rng(0))
    'nobody minds at all 🪑'
    """
    share_of(strength, "gaps")
    gaps = [place for place in range(1, len(value)) if value[place].isspace() and not value[place - 1].isspace()]
    gaps += [len(value)] if value.strip() else []
    out = value
    for at in reversed(chosen(len(gaps), strength, random)):
        out = f"{out[: gaps[at]]} {_EMOJI[int(random.integers(len(_EMOJI)))]}{out[gaps[at] :]}"
    return out
