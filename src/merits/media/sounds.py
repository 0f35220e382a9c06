"""Sounds as samples: read with soundfile, resampled with SciPy.

soundfile (BSD) because libsndfile, which it brings, reads WAV, FLAC, OGG and MP3 without a program beside it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merits.core.errors import DataError, MissingExtra

__all__ = ["LONGEST_S", "SPEECH_RATE", "Sound", "read_sound", "resampled", "wav_of"]

SPEECH_RATE = 16_000  # samples per second that speech models are trained on
LONGEST_S = 3_600.0
_NEXT_STEP = "Play it; replace it, or leave the example out."


@dataclass(frozen=True)
class Sound:
    """One channel: float32 `samples` of shape (n,) from -1 to 1, and how many of them a second has."""

    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


def read_sound(source: Path | bytes, rate: int | None = SPEECH_RATE) -> Sound:
    """A sound as one channel (the mean of all) at a rate; None leaves it at its own.

    Raises DataError, with the file's name, for what is no sound, holds no sample, or is longer than an hour;
    MissingExtra without soundfile.
    """
    try:
        import soundfile
    except ImportError:
        raise MissingExtra("sounds need the package soundfile.", "pip install 'merits[speech]'") from None
    name = source.name if isinstance(source, Path) else "the sound"
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
            own = int(file.samplerate)
            if file.frames / own > LONGEST_S:
                raise DataError(f"{name} is {file.frames / own:,.0f} s long, more than {LONGEST_S:,.0f} s.", "Cut it.")
            channels = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, RuntimeError) as problem:
        raise DataError(f"{name} cannot be read as a sound: {str(problem)[:120].rstrip('.')}.", _NEXT_STEP) from None
    samples = np.asarray(channels.mean(axis=1), np.float32)
    if not len(samples):
        raise DataError(f"{name} holds no sound: it has no sample.", _NEXT_STEP)
    if not np.isfinite(samples).all():
        raise DataError(f"{name} holds samples that are no numbers.", _NEXT_STEP)
    found = Sound(samples, own)
    return found if rate is None else resampled(found, rate)


def resampled(sound: Sound, rate: int) -> Sound:
    """The sound at another rate, by a polyphase filter (`scipy.signal.resample_poly`).

    >>> resampled(Sound(np.zeros(8_000, np.float32), 8_000), 16_000).samples.shape
    (16000,)
    """
    if sound.rate == rate:
        return sound
    from scipy.signal import resample_poly

    common = gcd(sound.rate, rate)
    return Sound(np.asarray(resample_poly(sound.samples, rate // common, sound.rate // common), np.float32), rate)


def wav_of(sound: Sound) -> bytes:
    """The sound as the bytes of a WAV file with 16 bits a sample; what is beyond -1 to 1 is clipped.

    >>> wav_of(Sound(np.zeros(10, np.float32), 8_000))[:4]
    b'RIFF'
    """
    import wave

    wav = io.BytesIO()
    with wave.open(wav, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes(np.round(np.clip(sound.samples, -1, 1) * 32767).astype("<i2").tobytes())
    return wav.getvalue()
