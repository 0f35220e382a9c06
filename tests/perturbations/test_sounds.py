"""Perturbed sounds are what was asked: the ratio, the band, the length, the decay and the share are measured."""

from __future__ import annotations

import numpy as np
import pytest

from merits.media.sounds import Sound
from merits.perturbations import clipping, reverberation, speed, telephone, white_noise

RATE = 16_000


def random() -> np.random.Generator:
    return np.random.default_rng(3)


def speech_like(seconds: float = 2.0, peak: float = 0.4) -> Sound:
    """A sound with syllables: a voice of many overtones, swelling and fading four times a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 40))
    samples = voice * np.sin(2 * np.pi * 2 * t) ** 2
    return Sound((peak * samples / np.abs(samples).max()).astype(np.float32), RATE)


def tone(hertz: float, seconds: float = 2.0, peak: float = 0.5) -> Sound:
    t = np.arange(round(seconds * RATE)) / RATE
    return Sound((peak * np.sin(2 * np.pi * hertz * t)).astype(np.float32), RATE)


def level_db(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(sound.samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("ratio_db", [20.0, 10.0, 5.0, 0.0, -5.0])
@pytest.mark.parametrize("peak", [0.01, 0.4, 1.0])
def test_noise_is_so_many_decibels_below_the_sound(ratio_db: float, peak: float) -> None:
    """Also where the whole had to be made quieter, so that no sample is beyond -1 to 1."""
    clean = speech_like(peak=peak)
    noisy = white_noise.perturb(clean, ratio_db, random())
    assert np.abs(noisy.samples).max() <= 1.0
    x, y = clean.samples.astype(np.float64), noisy.samples.astype(np.float64)
    gain = _gain(x, y, random().standard_normal(len(x)))
    noise = y - gain * x
    assert 10 * np.log10((gain * x) @ (gain * x) / (noise @ noise)) == pytest.approx(ratio_db, abs=1e-3)


def _gain(x: np.ndarray, y: np.ndarray, noise: np.ndarray) -> float:
    """How much of x is in y beside that noise, by least squares."""
    return float(np.linalg.lstsq(np.stack([x, noise], axis=1), y, rcond=None)[0][0])


def test_noise_is_white() -> None:
    """As much of it in each quarter of the spectrum."""
    clean = tone(440.0)
    noise = white_noise.perturb(clean, 10.0, random()).samples.astype(np.float64) - clean.samples
    quarters = np.array_split(np.abs(np.fft.rfft(noise)) ** 2, 4)
    shares = np.array([quarter.sum() for quarter in quarters])
    assert shares / shares.sum() == pytest.approx(0.25, abs=0.01)


def test_silence_stays_silent_under_noise() -> None:
    """No noise is ten decibels below nothing."""
    silence = Sound(np.zeros(100, np.float32), RATE)
    assert not white_noise.perturb(silence, 10.0, random()).samples.any()


@pytest.mark.parametrize(("hertz", "least_db", "most_db"), [(1_000.0, -1.0, 0.5), (60.0, -120.0, -40.0)])
def test_a_telephone_passes_the_middle_of_the_band_and_not_what_is_below(
    hertz: float, least_db: float, most_db: float
) -> None:
    """A tone of 1,000 Hz comes through as loud as it was; one of 60 Hz does not."""
    there = level_db(telephone.perturb(tone(hertz), 1, random())) - level_db(tone(hertz))
    assert least_db <= there <= most_db


def test_nothing_above_half_the_telephones_rate_is_left() -> None:
    """8,000 samples a second hold nothing above 4,000 Hz, and the band ends before."""
    heard = telephone.perturb(Sound(random().normal(0, 0.1, 5 * RATE).astype(np.float32), RATE), 1, random())
    power = np.abs(np.fft.rfft(heard.samples.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(heard.samples), 1 / RATE)
    assert power[hertz > 4_200].sum() < 1e-4 * power.sum()
    assert power[(hertz > 300) & (hertz < 3_400)].sum() > 0.95 * power.sum()


def test_a_telephone_codes_in_eight_bits() -> None:
    """A sign and 128 steps: at most 255 values, those of the mu-law (0.0 among them)."""
    heard = telephone.perturb(Sound(speech_like().samples[::2], 8_000), 1, random())
    values = np.unique(heard.samples)
    assert 50 < len(values) <= 255
    steps = np.log1p(255 * np.abs(values)) / np.log(256) * 127
    assert steps == pytest.approx(np.round(steps), abs=1e-3)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 1.25, 1.5])
def test_speed_changes_length_and_pitch_by_its_factor(factor: float) -> None:
    """As a tape does."""
    fast = speed.perturb(tone(440.0), factor, random())
    assert fast.rate == RATE
    assert len(fast.samples) == pytest.approx(2 * RATE / factor, abs=1)
    loudest = np.argmax(np.abs(np.fft.rfft(fast.samples))) * RATE / len(fast.samples)
    assert loudest == pytest.approx(440.0 * factor, abs=1.0)


@pytest.mark.parametrize("seconds", [0.3, 1.2])
def test_echoes_die_away_in_the_time_that_was_asked(seconds: float) -> None:
    """Schroeder's backward integration: 60 dB, extrapolated from the slope between -5 and -35 dB (ISO 3382, T30)."""
    response = reverberation.echo(seconds, RATE, random())[1:]
    decay = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / (response @ response))
    between = (decay < -5) & (decay > -35)
    slope = np.polyfit(np.flatnonzero(between) / RATE, decay[between], 1)[0]
    assert -60 / slope == pytest.approx(seconds, rel=0.1)


def test_a_reverberant_sound_is_as_loud_and_ends_later() -> None:
    """The last word dies away too."""
    dry = speech_like()
    wet = reverberation.perturb(dry, 0.6, random())
    assert len(wet.samples) == len(dry.samples) + round(0.6 * RATE)
    assert level_db(Sound(wet.samples[: len(dry.samples)], RATE)) == pytest.approx(level_db(dry), abs=0.01)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_the_share_of_the_samples_that_was_asked_is_clipped(share: float) -> None:
    """They are all as loud as the loudest, and the peak is what it was."""
    clean = speech_like()
    clipped = clipping.perturb(clean, share, random())
    peak = np.abs(clipped.samples).max()
    assert peak == pytest.approx(np.abs(clean.samples).max(), rel=1e-5)
    assert np.mean(np.abs(clipped.samples) > peak * (1 - 1e-6)) == pytest.approx(share, abs=0.002)


@pytest.mark.parametrize(
    ("module", "nonsense"),
    [
        (white_noise, float("nan")),
        (telephone, 0.5),
        (speed, 0.0),
        (speed, 9.0),
        (reverberation, 0.0),
        (reverberation, 60.0),
        (clipping, 1.0),
        (clipping, -0.1),
    ],
)
def test_a_strength_that_makes_no_sense_is_refused(module: object, nonsense: float) -> None:
    """Before anything is asked."""
    with pytest.raises(ValueError, match="not "):
        module.perturb(speech_like(0.1), nonsense, random())  # type: ignore[attr-defined]
