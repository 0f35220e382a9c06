"""What every perturbation promises: seeded, pure, and stronger when it is told to be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from merits.perturbations.registry import perturbation, perturbation_names

TEXT = "The quick brown fox jumps over 12 lazy dogs, and nobody in Paris minds at all."
TEXTS = [name for name in perturbation_names() if perturbation(name).READS == "text"]
PICTURES = [name for name in perturbation_names() if perturbation(name).READS == "picture"]


@pytest.mark.parametrize("name", TEXTS)
def test_the_same_seed_gives_the_same_text_and_another_seed_another(name: str) -> None:
    found = perturbation(name)
    strongest = found.LEVELS[-1]
    one, two = (found.perturb(TEXT, strongest, np.random.default_rng(7)) for _ in range(2))
    assert one == two != TEXT


@pytest.mark.parametrize("name", perturbation_names())
def test_strengths_are_named_and_in_order(name: str) -> None:
    found = perturbation(name)
    assert found.LEVELS
    assert list(found.LEVELS) in (sorted(set(found.LEVELS)), sorted(set(found.LEVELS), reverse=True))
    assert found.STRENGTH


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


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_changes_more_at_each_severity(name: str) -> None:
    """A curve over strengths means something only if they are in order; what is drawn is averaged out."""
    found = perturbation(name)
    assert found.LEVELS == (1, 2, 3, 4, 5)
    mean = [np.mean([change(name, strength, seed) for seed in range(20)]) for strength in (0.5, *found.LEVELS)]
    assert mean == sorted(mean)
    assert mean[0] > 0


@pytest.mark.parametrize("name", PICTURES)
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
