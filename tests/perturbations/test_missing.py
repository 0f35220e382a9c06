"""Inputs that lose their picture or their text, and prompts in other words."""

from __future__ import annotations

import numpy as np
import pytest

from merits.core.identity import JSON
from merits.perturbations.registry import perturbation

INPUT: dict[str, JSON] = {"caption": "a cat", "picture": "1.png", "height": 12, "sound": "1.wav", "code": "17"}
EMPTIED = {"missing_picture": {"picture"}, "missing_text": {"caption"}}


@pytest.mark.parametrize("name", EMPTIED)
def test_only_what_is_meant_is_emptied_and_the_input_stays(name: str) -> None:
    found = perturbation(name).perturb(INPUT, 1.0, np.random.default_rng(0))
    assert {key for key in INPUT if found[key] != INPUT[key]} == EMPTIED[name]
    assert INPUT["caption"] == "a cat"
    assert INPUT["picture"] == "1.png"


@pytest.mark.parametrize("name", EMPTIED)
def test_a_share_of_the_inputs_loses_it_and_more_at_a_higher_share(name: str) -> None:
    """Whoever lost it at a low share has lost it at a higher one: the curve shows the share and not the luck."""
    lost = {
        share: {
            seed
            for seed in range(400)
            if perturbation(name).perturb(INPUT, share, np.random.default_rng(seed)) != INPUT
        }
        for share in (0.0, 0.25, 0.5, 1.0)
    }
    assert [len(lost[share]) / 400 for share in lost] == pytest.approx([0, 0.25, 0.5, 1], abs=0.07)
    assert lost[0.25] < lost[0.5] < lost[1.0]


@pytest.mark.parametrize("name", [*EMPTIED, "attribute_swap", "rare_words"])
def test_a_share_above_one_makes_no_sense(name: str) -> None:
    value: JSON = INPUT if name in EMPTIED else "a red cat"
    with pytest.raises(ValueError, match="from 0 to 1, not 2"):
        perturbation(name).perturb(value, 2.0, np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(5))
def test_attributes_stay_of_their_sort(seed: int) -> None:
    found = perturbation("attribute_swap").perturb("Two small birds on the left", 1.0, np.random.default_rng(seed))
    number, size, *rest, side = found.split()
    assert number in ("One", "Three", "Four", "Five", "Six", "Seven")
    assert (size, " ".join(rest), side) == ("large", "birds on the", "right")


def test_a_text_without_such_words_stays() -> None:
    for name in ("attribute_swap", "rare_words"):
        assert perturbation(name).perturb("Xylophone!", 1.0, np.random.default_rng(0)) == "Xylophone!"
