"""Another voice: a sound higher or lower, and as long as it was."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from merits.core.kinds import Reads
from merits.media.sounds import Sound, unclipped

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "sound"
STRENGTH = "semitones, up or down"
LEVELS = (1.0, 2.0, 4.0)
VERSION = 1
_MOST = 12.0
_WINDOW_S = 0.032


def perturb(value: Sound, strength: float, random: np.random.Generator) -> Sound:
    """The sound so many semitones higher or lower, which is drawn; its length and tempo stay.

    Stretched in time by overlapping pieces that are shifted to where they fit best (WSOLA, Verhelst and Roelands,
    ICASSP 1993), then resampled to its length.

    >>> tone = Sound(np.sin(np.arange(8_000) * 2 * np.pi * 200 / 8_000).astype(np.float32), 8_000)
    >>> higher = perturb(tone, 12.0, np.random.default_rng(2)).samples
    >>> len(higher), int(np.abs(np.fft.rfft(higher)).argmax())
    (8000, 400)
    """
    from scipy.signal import resample

    if not 0 <= strength <= _MOST:
        raise ValueError(f"a pitch is shifted by 0 to {_MOST:g} semitones, not {strength:g}")
    factor = 2.0 ** ((strength if random.random() < 0.5 else -strength) / 12.0)
    n, window = len(value.samples), max(16, round(_WINDOW_S * value.rate) // 2 * 2)
    if n < 4 * window or math.isclose(factor, 1.0):
        return value
    longer = _stretched(value.samples.astype(np.float64), factor, window)
    return unclipped(Sound(np.asarray(resample(longer, n), np.float32), value.rate))


def _stretched(samples: NDArray[np.float64], factor: float, window: int) -> NDArray[np.float64]:
    """The samples `factor` times as long: half-overlapping windows, each moved to where it continues the last best."""
    hop, reach = window // 2, window // 4
    padded = np.concatenate([np.zeros(reach), samples, np.zeros(window + hop + reach)])
    shape = np.hanning(window + 1)[:-1]
    n_out = round(len(samples) * factor)
    out, weight = np.zeros(n_out + window), np.zeros(n_out + window)
    wanted = padded[reach : reach + window]
    for start in range(0, n_out, hop):
        at = reach + round(start / factor)
        around = padded[at - reach : at + reach + window]
        fits = np.correlate(around, wanted, "valid")
        at += int(fits.argmax()) - reach
        out[start : start + window] += shape * padded[at : at + window]
        weight[start : start + window] += shape
        wanted = padded[at + hop : at + hop + window]
        if len(wanted) < window:
            break
    return (out / np.maximum(weight, 1e-3))[:n_out]
