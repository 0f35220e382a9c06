"""Bits of a sound that are missing: a moment of silence, and a band of frequencies that the line did not carry."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.media.sounds import Sound, unclipped

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "sound"
STRENGTH = "share of the time, and of the band, that is masked at most"
LEVELS = (0.1, 0.2, 0.4)
VERSION = 1


def perturb(value: Sound, strength: float, random: np.random.Generator) -> Sound:
    """The sound with one stretch of time and one band of frequencies at zero.

    How wide each is, up to that share, and where, is drawn: the masks of SpecAugment (Park et al., Interspeech 2019,
    arXiv 1904.08779), applied to the sound itself, so that whatever hears it can be trained on it.

    >>> tone = Sound(np.ones(1_000, np.float32), 8_000)
    >>> perturb(tone, 0.0, np.random.default_rng(0)).samples.tolist() == tone.samples.tolist()
    True
    """
    if not 0 <= strength < 1:
        raise ValueError(f"a share that is masked is from 0 to below 1, not {strength:g}")
    n = len(value.samples)
    spectrum = np.fft.rfft(value.samples.astype(np.float64))
    low, high = _stretch(len(spectrum), strength, random)
    first, last = _stretch(n, strength, random)
    if low == high and first == last:
        return value
    spectrum[low:high] = 0.0
    samples = np.fft.irfft(spectrum, n)
    samples[first:last] = 0.0
    return unclipped(Sound(samples.astype(np.float32), value.rate))


def _stretch(n: int, strength: float, random: np.random.Generator) -> tuple[int, int]:
    width = int(random.uniform(0.0, strength) * n)
    start = int(random.integers(n - width + 1))
    return start, start + width
