"""What every perturbation promises: seeded, pure, and stronger when it is told to be."""

from __future__ import annotations

import numpy as np
import pytest

from merits.media.sounds import Sound
from merits.perturbations.registry import perturbation, perturbation_names

TEXT = "The quick brown fox jumps over 12 lazy dogs, and nobody in Paris minds at all."
TEXTS = [name for name in perturbation_names() if perturbation(name).READS == "text"]
SOUNDS = [name for name in perturbation_names() if perturbation(name).READS == "sound"]


def sound() -> Sound:
    t = np.arange(8_000) / 8_000
    return Sound((0.4 * np.sin(2 * np.pi * 300 * t) * np.sin(2 * np.pi * 3 * t)).astype(np.float32), 8_000)


@pytest.mark.parametrize("name", perturbation_names())
def test_strengths_are_in_order_and_named(name: str) -> None:
    """The mildest first; a reader is told what a strength is."""
    found = perturbation(name)
    assert found.LEVELS
    assert list(found.LEVELS) in (sorted(set(found.LEVELS)), sorted(set(found.LEVELS), reverse=True))
    assert found.STRENGTH
    assert found.VERSION >= 1


@pytest.mark.parametrize("name", TEXTS)
def test_the_same_seed_gives_the_same_text_and_another_seed_another(name: str) -> None:
    found = perturbation(name)
    strongest = found.LEVELS[-1]
    one, two = (found.perturb(TEXT, strongest, np.random.default_rng(7)) for _ in range(2))
    assert one == two != TEXT


@pytest.mark.parametrize("name", SOUNDS)
def test_the_same_seed_gives_the_same_sound_and_leaves_the_given_one_alone(name: str) -> None:
    """What is heard is a sound of the same rate, with plain numbers from -1 to 1."""
    found, given = perturbation(name), sound()
    one, two = (found.perturb(given, found.LEVELS[-1], np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one.samples, two.samples)
    assert np.array_equal(given.samples, sound().samples)
    assert not np.array_equal(one.samples, given.samples)
    assert (one.rate, one.samples.dtype) == (given.rate, np.float32)
    assert np.abs(one.samples).max() <= 1.0


@pytest.mark.parametrize("name", SOUNDS)
def test_the_strongest_changes_a_sound_more_than_the_mildest(name: str) -> None:
    """As far as both spectra differ from that of the given sound."""
    found, given = perturbation(name), sound()
    distances = []
    for level in (found.LEVELS[0], found.LEVELS[-1]):
        heard = found.perturb(given, level, np.random.default_rng(7))
        distances.append(float(np.abs(_spectrum(heard) - _spectrum(given)).sum()))
    assert distances[0] < distances[1] or len(found.LEVELS) == 1


def _spectrum(sound: Sound) -> np.ndarray:
    return np.abs(np.fft.rfft(sound.samples, 32_000))
