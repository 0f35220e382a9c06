"""A sound played faster or slower, and so higher or lower."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from merits.core.kinds import Reads
from merits.media.sounds import Sound, unclipped

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "sound"
STRENGTH = "times as fast"
LEVELS = (1.1, 1.25, 1.5)
VERSION = 1
_SLOWEST, _FASTEST = 0.25, 4.0


def perturb(value: Sound, strength: float, random: np.random.Generator) -> Sound:
    """The sound so many times as fast (below 1: slower), by resampling it (Ko et al. 2015, Interspeech).

    Pitch goes with tempo, as on a tape. The factor is met to a thousandth. Nothing is drawn at random.

    >>> perturb(Sound(np.zeros(1_000, np.float32), 8_000), 1.25, np.random.default_rng(0)).samples.shape
    (800,)
    """
    if not _SLOWEST <= strength <= _FASTEST:
        raise ValueError(f"a speed is from {_SLOWEST:g} to {_FASTEST:g} times, not {strength:g}")
    from scipy.signal import resample_poly

    factor = Fraction(strength).limit_denominator(1_000)
    samples = resample_poly(value.samples, factor.denominator, factor.numerator)
    return unclipped(Sound(np.asarray(samples, np.float32), value.rate))
