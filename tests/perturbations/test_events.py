"""What may happen to a history: events lost, and popular ones in their place."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from merits.perturbations.registry import perturbation, perturbation_names

EVENTS = [name for name in perturbation_names() if perturbation(name).READS == "events"]
HISTORY = {
    "user": "7",
    "items": [f"i{n}" for n in range(20)],
    "times": list(range(20)),
    "ratings": [3] * 20,
    "again": True,
}
INPUTS = [{"items": [f"hit{n}" for n in range(30)]}, {"items": [f"hit{n}" for n in range(5)]}, HISTORY]


def perturbed(name: str, value: object, strength: float, seed: int = 7) -> dict:
    found = perturbation(name)
    studied = {"studied": found.study(INPUTS)} if hasattr(found, "study") else {}
    return found.perturb(value, strength, np.random.default_rng(seed), **studied)


def test_both_are_there() -> None:
    assert {"dropped_events", "popularity_noise"} <= set(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_the_same_seed_does_the_same_and_the_given_history_stays(name: str) -> None:
    given = copy.deepcopy(HISTORY)
    one, two, other = (perturbed(name, given, 0.5, seed) for seed in (7, 7, 8))
    assert one == two != other
    assert given == HISTORY


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 1.0])
def test_the_share_of_the_history_is_changed_and_columns_go_together(name: str, share: float) -> None:
    found = perturbed(name, HISTORY, share)
    kept = [item for item in found["items"] if item in HISTORY["items"]]
    assert len(kept) >= 20 - round(share * 20)
    assert len(found["items"]) == len(found["times"]) == len(found["ratings"])
    assert (found["user"], found["again"]) == ("7", True)
    assert len(set(found["items"])) == len(found["items"])
    if name == "dropped_events":
        assert len(kept) == len(found["items"]) == 20 - round(share * 20)
        assert found["times"] == [HISTORY["items"].index(item) for item in found["items"]]
    else:
        assert found["times"] == HISTORY["times"]


def test_popular_items_are_drawn_more_often() -> None:
    drawn = [item for seed in range(200) for item in perturbed("popularity_noise", HISTORY, 0.1, seed)["items"]]
    counts = [drawn.count(f"hit{n}") for n in (0, 1, 20, 21)]
    assert min(counts[:2]) > max(counts[2:])


@pytest.mark.parametrize("name", EVENTS)
def test_nothing_is_nothing_and_a_share_is_a_share(name: str) -> None:
    for empty in ({"user": "7", "items": []}, {"user": "7"}):
        assert perturbed(name, empty, 0.5) == empty
    for strength in (-0.1, 1.1):
        with pytest.raises(ValueError, match="a share of the history is from 0 to 1"):
            perturbed(name, HISTORY, strength)
