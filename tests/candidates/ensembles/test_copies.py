"""Bagging and boosting: as good as scikit-learn's on the same data, over any candidate that is trained."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.model import ModelContract
from tests.candidates.ensembles.digits import CLASSES, diabetes, digits
from tests.candidates.ensembles.test_stack import columns, sklearn

TREE = sklearn("sklearn.tree.DecisionTreeClassifier")
SMALL_TREE = sklearn("sklearn.tree.DecisionTreeClassifier", max_depth=3)
DIGITS = LoadContext(classes=CLASSES, env={})


def wrapped(kind: str, part: Candidate, context: LoadContext, **params: JSON) -> Trainable:
    found = load(Candidate(name="several", kind=kind, params=params, parts=(part,)), context)
    assert isinstance(found, Trainable)
    return found


def asked(model: Model, examples: Sequence[Example]) -> list[Answer]:
    async def ask() -> list[Answer]:
        try:
            return list(await asyncio.gather(*(model.answer(one.input) for one in examples)))
        finally:
            await model.close()

    return asyncio.run(ask())


def accuracy(model: Trainable, dev: Sequence[Example], test: Sequence[Example]) -> float:
    model.fit(dev)
    return fmean(answer.output == one.target for answer, one in zip(asked(model, test), test, strict=True))


class TestBaggedContract(ModelContract):
    """It is a model like any other."""

    def make(self) -> Model:
        context = LoadContext(classes=("negative", "positive"), env={})
        return wrapped("bagged", Candidate(name="words", kind="text-linear"), context, copies=2)


class TestBoostedContract(ModelContract):
    """So is this."""

    def make(self) -> Model:
        context = LoadContext(classes=("negative", "positive"), env={})
        return wrapped("boosted", Candidate(name="words", kind="text-linear"), context, copies=2)


def test_bagged_trees_are_as_good_as_scikit_learns() -> None:
    """In distribution: over seeds, the same accuracy; and far better than one tree."""
    dev, test = digits()
    one = accuracy_of_trainable(TREE, dev, test)
    mine = [
        accuracy(wrapped("bagged", TREE, LoadContext(classes=CLASSES, env={}, seed=100 * s)), dev, test)
        for s in range(3)
    ]
    theirs = [
        BaggingClassifier(DecisionTreeClassifier(), 10, random_state=seed)
        .fit(columns(dev), [e.target for e in dev])
        .score(columns(test), [e.target for e in test])
        for seed in range(6)
    ]
    assert fmean(mine) == pytest.approx(fmean(theirs), abs=0.04)
    assert fmean(mine) > one + 0.05


def accuracy_of_trainable(part: Candidate, dev: Sequence[Example], test: Sequence[Example]) -> float:
    model = load(part, DIGITS)
    assert isinstance(model, Trainable)
    return accuracy(model, dev, test)


def test_boosted_trees_are_as_good_as_scikit_learns() -> None:
    """SAMME by resampling; and far better than one small tree."""
    dev, test = digits()
    one = accuracy_of_trainable(SMALL_TREE, dev, test)
    mine = accuracy(wrapped("boosted", SMALL_TREE, DIGITS, copies=25), dev, test)
    theirs = AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=25, random_state=0)
    theirs.fit(columns(dev), [e.target for e in dev])
    assert mine == pytest.approx(theirs.score(columns(test), [e.target for e in test]), abs=0.06)
    assert mine > one + 0.2


def test_boosted_numbers_are_as_good_as_scikit_learns() -> None:
    """AdaBoost.R2 with the weighted median."""
    dev, test = diabetes()
    context = LoadContext(task_kind="regression", env={})
    part = sklearn("sklearn.tree.DecisionTreeRegressor", max_depth=3)
    model = wrapped("boosted", part, context, copies=20)
    model.fit(dev)
    targets = np.array([one.target for one in test], float)
    mine = np.sqrt(np.square(np.array([answer.output for answer in asked(model, test)]) - targets).mean())
    theirs = [
        AdaBoostRegressor(DecisionTreeRegressor(max_depth=3), n_estimators=20, random_state=seed).fit(
            columns(dev), [e.target for e in dev]
        )
        for seed in range(4)
    ]
    errors = [np.sqrt(np.square(one.predict(columns(test)) - targets).mean()) for one in theirs]
    assert mine == pytest.approx(np.mean(errors), rel=0.06)


def test_bagged_numbers_with_quantiles_keep_them() -> None:
    """The mean of forecasts is a forecast."""
    dev, test = diabetes()
    context = LoadContext(task_kind="regression", env={})
    model = wrapped(
        "bagged", Candidate(name="q", kind="quantile-boosting", params={"iterations": 20}), context, copies=3
    )
    model.fit(dev)
    answers = asked(model, test[:5])
    for answer in answers:
        assert isinstance(answer.output, dict)
        quantiles = list(answer.output["quantiles"].values())
        assert quantiles == sorted(quantiles)
        assert quantiles[0] < answer.output["value"] < quantiles[-1]


def test_examples_of_one_group_are_drawn_together() -> None:
    """Otherwise a copy would learn from a half of what it is to be surprised by."""
    seen: list[list[str]] = []
    examples = [Example(str(n), f"text {n}", ("a", "b")[n % 2], group=f"g{n // 4}") for n in range(40)]
    model = wrapped(
        "bagged", Candidate(name="m", kind="most-common"), LoadContext(classes=("a", "b"), env={}), copies=4
    )
    copies = model._copies  # type: ignore[attr-defined]
    for copy in copies:
        copy.fit = lambda sample: seen.append([one.group for one in sample])
    model.fit(examples)
    assert len(seen) == 4
    assert all(groups.count(group) % 4 == 0 for groups in seen for group in groups)
    assert seen[0] != seen[1]


def test_what_makes_no_mistake_cannot_be_boosted_and_it_says_so() -> None:
    """A tree without limit knows its examples by heart... but not all of them from a sample: it needs several."""
    notes: list[str] = []
    context = LoadContext(classes=("a", "b"), env={}, note=notes.append)
    examples = [Example(str(n), {"x": float(n % 2)}, ("a", "b")[n % 2]) for n in range(40)]
    model = wrapped("boosted", SMALL_TREE, context, copies=5)
    model.fit(examples)
    assert notes == ["several: ended after 1 of 5 copies: the last made no mistake on its examples"]
    assert [answer.output for answer in asked(model, examples[:2])] == ["a", "b"]


@pytest.mark.parametrize("kind", ["bagged", "boosted"])
@pytest.mark.parametrize(
    ("part", "says"),
    [
        (Candidate(name="fixed", kind="constant", params={"output": "a"}), "learns from no examples"),
        (Candidate(name="far", kind="chat", params={"model": "m", "few_shot": 3}), "asked over a network"),
    ],
)
def test_what_cannot_be_copied_says_why(kind: str, part: Candidate, says: str) -> None:
    """And what could."""
    with pytest.raises(CandidateError, match=says):
        wrapped(kind, part, LoadContext(classes=("a", "b"), env={"OPENAI_API_KEY": "k"}))


def test_only_labels_and_numbers_are_boosted() -> None:
    """Of texts nobody says how wrong they are."""
    with pytest.raises(CandidateError, match=r"not for texts\. Take `kind: bagged`"):
        wrapped("boosted", TREE, LoadContext(task_kind="generation", env={}))
