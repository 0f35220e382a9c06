"""What every perturbation promises: seeded, pure, and stronger when it is told to be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

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


PICTURES = [name for name in perturbation_names() if perturbation(name).READS == "picture"]


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


def picture() -> Image.Image:
    """Stripes of many colours, of no special size."""
    pixels = np.indices((90, 120)).sum(axis=0)[..., None] * np.array([3, 5, 7]) % 256
    return Image.fromarray(pixels.astype(np.uint8), "RGB")


def change(name: str, strength: float, seed: int = 7) -> float:
    """How far a perturbation moves the pixels of a picture, on average."""
    perturbed = perturbation(name).perturb(picture(), strength, np.random.default_rng(seed))
    return float(np.abs(np.asarray(perturbed, float) - np.asarray(picture(), float)).mean())


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_perturbed_the_same_by_the_same_seed_and_stays_as_it_was(name: str) -> None:
    """Answers are stored under the strength and the seed; the same picture goes to every candidate."""
    found, given = perturbation(name), picture()
    for strength in found.LEVELS:
        one, two = (found.perturb(given, strength, np.random.default_rng(7)) for _ in range(2))
        assert one.tobytes() == two.tobytes() != given.tobytes()
        assert (one.size, one.mode) == (given.size, "RGB")
    assert given.tobytes() == picture().tobytes()


@pytest.mark.parametrize("name", sorted({*PICTURES} - {"flip"}))  # which has a chance, and no severities
def test_a_picture_changes_more_at_each_severity(name: str) -> None:
    """A curve over strengths means something only if they are in order; what is drawn is averaged out."""
    found = perturbation(name)
    assert found.LEVELS == (1, 2, 3, 4, 5)
    mean = [np.mean([change(name, strength, seed) for seed in range(20)]) for strength in (0.5, *found.LEVELS)]
    assert mean == sorted(mean)
    assert mean[0] > 0


@pytest.mark.parametrize("name", sorted({*PICTURES} - {"flip"}))
def test_a_severity_that_makes_no_sense_is_refused_and_none_at_all_changes_nothing(name: str) -> None:
    """As the registry asks."""
    assert change(name, 0) < 0.5
    for strength in (-1, 5.5):
        with pytest.raises(ValueError, match="a severity is from 0 to 5"):
            change(name, strength)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (2, 3)])
def test_a_tiny_picture_is_perturbed_too(name: str, size: tuple[int, int]) -> None:
    """Data hold such."""
    for strength in perturbation(name).LEVELS:
        tiny = Image.new("RGB", size, (200, 100, 0))
        assert perturbation(name).perturb(tiny, strength, np.random.default_rng(1)).size == size
