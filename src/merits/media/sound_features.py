"""Sounds as a few numbers each: cepstral coefficients and how they move (MFCC), as classic recognisers see them.

Davis and Mermelstein (1980), "Comparison of Parametric Representations for Monosyllabic Word Recognition", IEEE
Transactions on Acoustics, Speech and Signal Processing 28(4), 357-366. Knows nothing about what they are used for.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from merits.media.sounds import Sound

__all__ = ["N_COEFFICIENTS", "cepstra", "sound_vector"]

Floats = NDArray[np.float64]
N_COEFFICIENTS = 20
_N_BANDS = 40
_WINDOW_S, _HOP_S = 0.025, 0.010
_LEAST = 1e-10


def cepstra(sound: Sound) -> Floats:
    """The mel-frequency cepstral coefficients of each 10 ms, shape (frames, 20); a sound shorter than one is one frame.

    >>> cepstra(Sound(np.zeros(8_000, np.float32), 8_000)).shape
    (98, 20)
    """
    from scipy.fft import dct

    window, hop = round(_WINDOW_S * sound.rate), max(1, round(_HOP_S * sound.rate))
    samples = np.asarray(sound.samples, np.float64)
    samples = np.pad(samples, (0, max(0, window - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    energies = np.log(np.maximum(power @ _mel_bands(window, sound.rate).T, _LEAST))
    return np.asarray(dct(energies, axis=1, norm="ortho")[:, :N_COEFFICIENTS])


def sound_vector(sound: Sound, parts: int = 4) -> Floats:
    """One vector for a whole sound: the mean of the coefficients in each of `parts` equal stretches, and over all of it
    their spread and the spread of their changes; shape ((parts + 2) * 20,).

    >>> sound_vector(Sound(np.zeros(100, np.float32), 8_000)).shape
    (120,)
    """
    found = cepstra(sound)
    stretches = [one if len(one) else found for one in np.array_split(found, parts)]
    moves = np.diff(found, axis=0) if len(found) > 1 else np.zeros_like(found)
    return np.concatenate([*(one.mean(axis=0) for one in stretches), found.std(axis=0), moves.std(axis=0)])


@cache
def _mel_bands(window: int, rate: int) -> Floats:
    """Triangles that are equally wide in mels, from 20 Hz to half the rate; shape (bands, frequencies)."""
    top = 2595.0 * np.log10(1.0 + rate / 2.0 / 700.0)
    bottom = 2595.0 * np.log10(1.0 + 20.0 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(bottom, top, _N_BANDS + 2) / 2595.0) - 1.0)
    frequencies = np.fft.rfftfreq(window, 1.0 / rate)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))
