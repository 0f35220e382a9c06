"""A sound in a room that echoes: each sample followed by noise that dies away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merits.core.kinds import Reads
from merits.media.sounds import Sound, unclipped

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "echo", "perturb"]

READS: Reads = "sound"
STRENGTH = "reverberation time (RT60) in seconds"
LEVELS = (0.3, 0.6, 1.2)
VERSION = 1
_LONGEST_S = 10.0


def perturb(value: Sound, strength: float, random: np.random.Generator) -> Sound:
    """The sound in a room where an echo is 60 dB weaker after that many seconds, as loud as it was.

    It is that much longer, because the last word dies away too.

    >>> perturb(Sound(np.ones(100, np.float32), 1_000), 0.3, np.random.default_rng(0)).samples.shape
    (400,)
    """
    if not 0 < strength <= _LONGEST_S:
        raise ValueError(f"a reverberation time is above 0 and at most {_LONGEST_S:g} s, not {strength:g}")
    from scipy.signal import fftconvolve

    dry = value.samples.astype(np.float64)
    wet = fftconvolve(dry, echo(strength, value.rate, random))
    power = wet[: len(dry)] @ wet[: len(dry)]
    gain = np.sqrt((dry @ dry) / power) if power else 1.0
    return unclipped(Sound(np.asarray(gain * wet, np.float32), value.rate))


def echo(seconds: float, rate: int, random: np.random.Generator) -> NDArray[np.float64]:
    """What a room makes of a single click: the click, and Gaussian noise under an exponential decay (n + 1,).

    The statistical model of late reverberation (Polack 1988, La transmission de l'énergie sonore dans les salles): the
    amplitude is a thousandth (-60 dB) after `seconds`. All echoes together are as strong as the click, as they are at a
    few metres in a living room (a direct-to-reverberant ratio of 0 dB).
    """
    n = round(seconds * rate)
    tail = random.standard_normal(n) * np.exp(-3.0 * np.log(10.0) * np.arange(1, n + 1) / n)
    return np.concatenate([[1.0], tail / np.sqrt(max(tail @ tail, 1e-12))])
