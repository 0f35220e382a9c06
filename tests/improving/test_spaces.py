"""The usual spaces of kinds and estimators name parameters that there are, with values that they take."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.utils import all_estimators

from merits.candidates.registry import kinds
from merits.candidates.tunable import usual_space
from merits.candidates.usual_estimators import USUAL
from merits.core.candidate import Candidate
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.improving.searching.paths import place_of, with_values
from merits.improving.searching.spaces import Range, corners, grid, grid_size, must_hold, values_of
from merits.improving.searching.studies import space_at

NEEDED: dict[str, JSON] = {"model": "m", "path": "p", "provider": "openai"}


@pytest.mark.parametrize("name", [name for name, kind in kinds().items() if hasattr(kind, "SPACE")])
def test_a_usual_space_is_one_of_the_kind(name: str) -> None:
    """Every path is a parameter, and takes all choices and both ends."""
    from msgspec.structs import fields

    required = {one.encode_name for one in fields(kinds()[name].Params) if one.required}
    seed = Candidate(name="seed", kind=name, params={key: NEEDED[key] for key in required})
    space = usual_space(seed)
    assert space
    assert len(space_at(seed, space, Path())) == len(space)


@pytest.mark.parametrize("name", sorted(USUAL))
def test_what_is_usual_of_an_estimator_are_its_parameters(name: str) -> None:
    """By the class of that name in scikit-learn, which can be made with every value."""
    made = dict(all_estimators())[name]
    seed = Candidate(name="seed", kind="sklearn", params={"estimator": f"{made.__module__}.{name}"})
    for place, domain in space_at(seed, usual_space(seed), Path()).items():
        for value in corners(domain):
            params = with_values(seed, {place: value}, "x").params["params"]
            assert isinstance(params, dict)
            made(**params)._validate_params()


def test_a_pipeline_is_tuned_in_all_its_steps() -> None:
    """Also in an estimator that is a parameter of another."""
    steps: list[JSON] = [
        "sklearn.preprocessing.StandardScaler",
        {
            "estimator": "sklearn.ensemble.BaggingClassifier",
            "params": {"estimator": {"estimator": "sklearn.linear_model.LogisticRegression"}},
        },
    ]
    seed = Candidate(name="bag", kind="sklearn", params={"pipeline": steps})
    assert list(usual_space(seed)) == ["pipeline.1.params.estimator.params.C"]
    place = place_of(seed, "C")
    made = with_values(seed, {place: 3.0}, "bag #1")
    assert place.now(made) == (3.0, True)
    assert place.now(seed) == (1.0, True)
    assert seed.params["pipeline"] == steps


def test_a_step_that_is_only_named_gets_parameters() -> None:
    """`[StandardScaler, LinearSVC]` names classes; tuned, the second is described."""
    seed = Candidate(name="svm", kind="sklearn", params={"pipeline": ["sklearn.svm.LinearSVC"]})
    made = with_values(seed, {place_of(seed, "C"): 2.0}, "svm #1")
    assert made.params == {"pipeline": [{"estimator": "sklearn.svm.LinearSVC", "params": {"C": 2.0}}]}


def test_a_parameter_of_several_steps_must_be_named_in_full() -> None:
    """Which one is meant cannot be guessed."""
    steps: list[JSON] = ["sklearn.preprocessing.StandardScaler", "sklearn.preprocessing.MaxAbsScaler"]
    seed = Candidate(name="svm", kind="sklearn", params={"pipeline": [*steps, "sklearn.svm.LinearSVC"]})
    with pytest.raises(UsageError, match=r"Write pipeline\.0\.params\.copy or pipeline\.1\.params\.copy"):
        place_of(seed, "copy")


def test_a_grid_has_as_many_points_as_it_says() -> None:
    """Whole numbers, steps, a log scale and choices."""
    space = {
        "a": Range(low=1, high=4, int=True),
        "b": Range(low=0.0, high=1.0, step=0.25),
        "c": Range(low=0.1, high=10.0, log=True),
        "d": must_hold("d", ["x", None]),
    }
    assert values_of(space["b"]) == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert len(grid(space)) == grid_size(space) == 4 * 5 * 5 * 2


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ([1, 1], "names a choice twice"),
        ([], "Write a list of choices"),
        ({"low": -1.0, "high": 1.0, "log": True}, "a log scale begins above 0"),
        ({"low": 0.5, "high": 3, "int": True}, "whole numbers"),
        ({"low": 1, "high": 3, "log": True, "step": 1}, "a log scale has no steps"),
    ],
)
def test_what_is_no_domain_is_refused(domain: object, said: str) -> None:
    """With what to write instead."""
    with pytest.raises(UsageError, match=said):
        must_hold("x", domain)
