"""Sounds as samples: read with soundfile, resampled with SciPy.

soundfile (BSD) because libsndfile, which it brings, reads WAV, FLAC, OGG and MP3 without a program beside it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merits.core.errors import DataError, MissingExtra

__all__ = ["LONGEST_S", "SPEECH_RATE", "Sound", "read_sound", "resampled", "seconds_in", "unclipped", "wav_of"]

SPEECH_RATE = 16_000  # samples per second that speech models are trained on
LONGEST_S = 3_600.0
_MOST_SAMPLES = 180_000_000  # an hour at 48 kHz, and a little; decoded they take 720 MB
_RATES = (1_000, 400_000)  # samples per second of anything that was ever recorded
_WHOLE = 0.95  # of the samples that a header promises; those of some MP3 are an estimate
_BLOCK = 1_000_000  # samples decoded at once, of all channels
_NEXT_STEP = "Play it; replace it, or leave the example out."
_CUT_WAV = re.compile(r"^\s*data\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)  # as libsndfile logs it
_ENDLESS = 0xFFFF_F000  # bytes that are promised by who did not know how many there would be


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

    Raises DataError, with the file's name, for what is no sound, holds no sample, is cut off, is longer than an hour or
    says that it has an impossible number of samples in a second; MissingExtra without soundfile.
    """
    with _opened(source) as (name, file):
        parts = []
        while len(block := file.read(max(_BLOCK // file.channels, 1), dtype="float32", always_2d=True)):
            parts.append(block.mean(axis=1, dtype=np.float32))
        samples = np.concatenate(parts) if parts else np.empty(0, np.float32)
        if len(samples) < _WHOLE * file.frames:
            raise _cut(name, file.frames / file.samplerate, len(samples) / file.samplerate)
        found = Sound(samples, int(file.samplerate))
    if not np.isfinite(samples).all():
        raise DataError(f"{name} holds samples that are no numbers.", _NEXT_STEP)
    return found if rate is None else resampled(found, rate)


def seconds_in(source: Path | bytes) -> float:
    """How long a sound is, by its header. Raises as `read_sound`, as far as can be told without decoding it."""
    with _opened(source) as (_, file):
        return float(file.frames / file.samplerate)


@contextmanager
def _opened(source: Path | bytes) -> Iterator[tuple[str, Any]]:
    """The name and the opened file of a sound whose header makes sense; what goes wrong with it is a DataError."""
    try:
        import soundfile
    except ImportError:
        raise MissingExtra("sounds need the package soundfile.", "pip install 'merits[speech]'") from None
    name = source.name if isinstance(source, Path) else "the sound"
    if not (source.stat().st_size if isinstance(source, Path) and source.is_file() else source):
        raise DataError(f"{name} is empty: there is no byte in it.", _NEXT_STEP)
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
            _must_make_sense(name, file)
            yield name, file
    except (soundfile.SoundFileError, OSError, RuntimeError) as problem:
        said = str(problem).rpartition(": ")[2].strip().rstrip(".")[:120]
        raise DataError(
            f"{name} cannot be read as a sound: {said}.",
            "It should be WAV, FLAC, OGG or MP3: convert it, or leave the example out.",
        ) from None


def _must_make_sense(name: str, file: Any) -> None:
    rate, frames = int(file.samplerate), int(file.frames)
    if not _RATES[0] <= rate <= _RATES[1]:
        raise DataError(
            f"{name} says that it has {rate:,} samples in a second, which no recording has.", "Mend its sample rate."
        )
    if not frames:
        raise DataError(f"{name} holds no sound: it has no sample.", _NEXT_STEP)
    if frames / rate > LONGEST_S or frames > _MOST_SAMPLES:
        raise DataError(
            f"{name} is {frames / rate:,.0f} s long at {rate:,} Hz, more than {LONGEST_S:,.0f} s at 48,000 Hz.",
            "Cut it.",
        )
    cut = _CUT_WAV.search(file.extra_info)
    if cut and int(cut[2]) < _WHOLE * int(cut[1]) and int(cut[1]) < _ENDLESS:
        seconds = frames / rate
        raise _cut(name, seconds * int(cut[1]) / int(cut[2]), seconds)


def _cut(name: str, promised_s: float, there_s: float) -> DataError:
    return DataError(
        f"{name} is cut off: its header promises {promised_s:.3g} s of sound, and {there_s:.3g} s are there.",
        _NEXT_STEP,
    )


def unclipped(sound: Sound) -> Sound:
    """The sound, made quieter where a sample is beyond -1 to 1, so that none is cut off when it is written.

    >>> unclipped(Sound(np.array([1.0, -2.0], np.float32), 8_000)).samples.tolist()
    [0.5, -1.0]
    """
    peak = float(np.abs(sound.samples).max(initial=0.0))
    return sound if peak <= 1.0 else Sound(sound.samples / np.float32(peak), sound.rate)


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
