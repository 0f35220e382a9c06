"""Sounds as samples: read whole or refused with the file's name, resampled without another pitch."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from merits.core.errors import DataError
from merits.media.sounds import Sound, read_sound, resampled, seconds_in, wav_of

soundfile = pytest.importorskip("soundfile")

RATE = 16_000


def sine(hertz: float = 440.0, seconds: float = 1.0, rate: int = RATE) -> Sound:
    t = np.arange(round(seconds * rate)) / rate
    return Sound((0.5 * np.sin(2 * np.pi * hertz * t)).astype(np.float32), rate)


def file_of(content: bytes, folder: Path, name: str = "call.wav") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def encoded(sound: Sound, kind: str, subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, sound.samples, sound.rate, format=kind, subtype=subtype)
    return out.getvalue()


def test_a_wav_file_is_what_was_written() -> None:
    """To half a step of 16 bits."""
    back = read_sound(wav_of(sine()), rate=None)
    assert back.rate == RATE
    assert back.samples.dtype == np.float32
    assert np.abs(back.samples - sine().samples).max() <= 1 / 32_768
    assert back.seconds == seconds_in(wav_of(sine())) == 1.0


def test_what_is_too_loud_for_a_file_is_clipped() -> None:
    """It does not wrap round to the other sign."""
    back = read_sound(wav_of(Sound(np.array([2.0, -2.0], np.float32), RATE)), rate=None)
    assert back.samples == pytest.approx([1.0, -1.0], abs=1e-3)


@pytest.mark.parametrize(("kind", "subtype"), [("WAV", "PCM_24"), ("WAV", "ULAW"), ("FLAC", None), ("OGG", None)])
def test_formats_that_libsndfile_knows_are_read(kind: str, subtype: str | None) -> None:
    """A sine stays a sine of its loudness."""
    back = read_sound(encoded(sine(), kind, subtype))
    assert len(back.samples) == RATE
    assert np.corrcoef(back.samples, sine().samples)[0, 1] > 0.99


def test_two_channels_become_their_mean(tmp_path: Path) -> None:
    """Speech models hear one."""
    both = np.stack([sine().samples, np.zeros(RATE, np.float32)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", both, RATE)
    assert read_sound(tmp_path / "stereo.wav").samples == pytest.approx(sine().samples / 2, abs=1e-4)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_another_rate_is_resampled_to_the_same_sine(rate: int, tmp_path: Path) -> None:
    """But for the ends, where the filter has nothing to look at."""
    heard = read_sound(file_of(wav_of(sine(rate=rate)), tmp_path))
    assert (heard.rate, len(heard.samples)) == (RATE, RATE)
    assert heard.samples[800:-800] == pytest.approx(sine().samples[800:-800], abs=2e-3)


def test_what_a_lower_rate_cannot_hold_is_not_folded_back() -> None:
    """A tone of 7,000 Hz at 8,000 samples a second would else be heard as one of 1,000 Hz."""
    assert np.abs(resampled(sine(7_000.0), 8_000).samples[400:-400]).max() < 0.01


def test_a_long_sound_is_decoded_in_parts(tmp_path: Path) -> None:
    """The seams are not heard."""
    long = Sound(np.tile(sine(seconds=1.0).samples, 70), RATE)
    assert np.abs(read_sound(file_of(wav_of(long), tmp_path)).samples - long.samples).max() <= 1 / 32_768


def rated(rate: int) -> bytes:
    content = bytearray(wav_of(sine()))
    content[24:28] = struct.pack("<I", rate)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "call.wav is empty: there is no byte in it"),
        (b"Dear all, here is the recording." * 9, "call.wav cannot be read as a sound: Format not recognised"),
        (wav_of(Sound(np.empty(0, np.float32), RATE)), "call.wav holds no sound: it has no sample"),
        (
            wav_of(sine(seconds=2.0))[:32_044],
            "call.wav is cut off: its header promises 2 s of sound, and 1 s are there",
        ),
        (encoded(sine(), "FLAC")[:5_000], "call.wav cannot be read as a sound: "),
        (rated(0), "call.wav cannot be read as a sound: "),
        (rated(16), "call.wav says that it has 16 samples in a second, which no recording has"),
        (rated(2_000_000_000), "call.wav says that it has 2,000,000,000 samples in a second"),
        (
            encoded(Sound(np.array([0.0, np.nan], np.float32), RATE), "WAV", "FLOAT"),
            "holds samples that are no numbers",
        ),
        (wav_of(Sound(np.zeros(3_700 * 1_000, np.float32), 1_000)), "call.wav is 3,700 s long at 1,000 Hz, more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",  # libsndfile writes the time of day into some
)
def test_what_is_no_whole_sound_is_refused_by_its_name(content: bytes, found: str, tmp_path: Path) -> None:
    """The message says what is wrong, never where the file lies."""
    with pytest.raises(DataError) as caught:
        read_sound(file_of(content, tmp_path))
    assert found in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.next_step


def test_a_wav_file_that_was_streamed_promises_nothing() -> None:
    """Who records to a pipe writes the largest length there is."""
    content = bytearray(wav_of(sine()))
    content[4:8] = content[40:44] = b"\xff" * 4
    assert len(read_sound(bytes(content)).samples) == RATE


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Deleted since the task was read."""
    with pytest.raises(DataError, match=r"gone\.wav cannot be read as a sound"):
        read_sound(tmp_path / "gone.wav")
