"""A sound as it comes out of a telephone: 300 to 3,400 Hz, 8,000 samples a second, 8 bits of mu-law."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merits.core.kinds import Reads
from merits.media.sounds import Sound, resampled, unclipped

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "sound"
STRENGTH = "lines that it goes through, one after the other"
LEVELS = (1.0, 3.0)
VERSION = 1
_RATE = 8_000
_BAND_HZ = (300.0, 3_400.0)
_MU = 255.0


def perturb(value: Sound, strength: float, random: np.random.Generator) -> Sound:
    """The sound after so many telephone lines, at the rate that it had.

    Each line passes 300 to 3,400 Hz (a Butterworth band-pass of 4th order) and codes samples as ITU-T G.711 does, in 8
    bits by the mu-law (its continuous form). Nothing is drawn at random.

    >>> tone = Sound(np.sin(np.arange(16_000) / 5).astype(np.float32), 16_000)
    >>> perturb(tone, 1, np.random.default_rng(0)).samples.shape
    (16000,)
    """
    if strength < 1 or strength != int(strength):
        raise ValueError(f"a number of telephone lines is 1, 2, ..., not {strength:g}")
    from scipy.signal import butter, sosfilt

    band = butter(4, _BAND_HZ, "bandpass", fs=_RATE, output="sos")
    samples = resampled(value, _RATE).samples
    for _ in range(int(strength)):
        samples = _coded(np.asarray(sosfilt(band, samples), np.float32))
    back = resampled(Sound(samples, _RATE), value.rate).samples
    return unclipped(Sound(_as_long(back, len(value.samples)), value.rate))


def _coded(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The samples after 8 bits: a sign, and 128 steps that are finer for what is quieter."""
    loud = np.log1p(_MU * np.minimum(np.abs(samples), 1.0)) / np.log1p(_MU)
    steps = np.round(loud * 127.0) / 127.0
    return np.asarray(np.sign(samples) * np.expm1(steps * np.log1p(_MU)) / _MU, np.float32)


def _as_long(samples: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Resampling there and back may leave a sample more or less."""
    return np.pad(samples[:n], (0, max(n - len(samples), 0)))
