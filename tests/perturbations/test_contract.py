"""What every perturbation promises: seeded, pure, and stronger when it is told to be."""

from __future__ import annotations

import numpy as np
import pytest

from merits.perturbations.registry import perturbation, perturbation_names

TEXT = "The quick brown fox jumps over 12 lazy dogs, and nobody in Paris minds at all."
TEXTS = [name for name in perturbation_names() if perturbation(name).READS == "text"]


@pytest.mark.parametrize("name", TEXTS)
def test_the_same_seed_gives_the_same_text_and_another_seed_another(name: str) -> None:
    found = perturbation(name)
    strongest = found.LEVELS[-1]
    one, two = (found.perturb(TEXT, strongest, np.random.default_rng(7)) for _ in range(2))
    assert one == two != TEXT
    assert found.LEVELS
    assert list(found.LEVELS) in (sorted(set(found.LEVELS)), sorted(set(found.LEVELS), reverse=True))
    assert found.STRENGTH
