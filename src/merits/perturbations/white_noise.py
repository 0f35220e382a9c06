"""White noise over a sound, at a signal-to-noise ratio: hiss, wind, a bad line."""

from __future__ import annotations

import math

import numpy as np

from merits.core.kinds import Reads
from merits.media.sounds import Sound, unclipped

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "sound"
STRENGTH = "signal-to-noise ratio in dB"
LEVELS = (20.0, 10.0, 5.0, 0.0)
VERSION = 1


def perturb(value: Sound, strength: float, random: np.random.Generator) -> Sound:
    """The sound with Gaussian noise added, so that its power is that many decibels above the noise's.

    Powers are means over the whole sound, pauses too, and the ratio is exact. What would be beyond -1 to 1 is made
    quieter as a whole, which leaves the ratio as it is. Silence stays silent: nothing is so many decibels above it.

    >>> tone = Sound(np.sin(np.arange(8_000) / 5).astype(np.float32), 8_000)
    >>> noisy = perturb(tone, 10.0, np.random.default_rng(0))
    >>> noisy.samples.shape, noisy.rate
    ((8000,), 8000)
    """
    if not math.isfinite(strength):
        raise ValueError(f"a signal-to-noise ratio is a number of decibels, not {strength:g}")
    samples = value.samples.astype(np.float64)
    noise = random.standard_normal(len(samples))
    ratio = 10.0 ** (strength / 10.0)
    gain = np.sqrt((samples @ samples) / (ratio * max(noise @ noise, 1e-12)))
    return unclipped(Sound((samples + gain * noise).astype(np.float32), value.rate))
