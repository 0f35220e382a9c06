"""A sound that was recorded too loud: its loudest samples are cut off."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.media.sounds import Sound

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "sound"
STRENGTH = "share of the samples that are cut off"
LEVELS = (0.01, 0.05, 0.2)
VERSION = 1


def perturb(value: Sound, strength: float, random: np.random.Generator) -> Sound:
    """The sound with that share of its samples, the loudest ones, cut to one loudness; its peak is what it was.

    Nothing is drawn at random.

    >>> loud = Sound(np.array([0.1, -0.2, 0.3, -0.4], np.float32), 8_000)
    >>> [f"{sample:.2f}" for sample in perturb(loud, 0.5, np.random.default_rng(0)).samples]
    ['0.13', '-0.27', '0.40', '-0.40']
    """
    if not 0 <= strength < 1:
        raise ValueError(f"a share of the samples is from 0 to below 1, not {strength:g}")
    loudness = np.abs(value.samples)
    n = round(strength * len(loudness))
    if not n:
        return value
    limit = float(np.partition(loudness, -n)[-n])
    if not limit:
        return value
    cut = np.clip(value.samples, -limit, limit)
    return Sound(np.asarray(cut * (float(loudness.max()) / limit), np.float32), value.rate)
