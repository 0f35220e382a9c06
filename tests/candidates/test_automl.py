"""AutoML as a candidate: real searches on scikit-learn's data, and that what is found needs no AutoML library."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from merits.candidates import automated
from merits.candidates.automl import recipe_in
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON
from merits.core.task import Example

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not automated.automated_here(), reason="the extra automl is not installed")


def examples(data: object, n: int | None = None) -> list[Example]:
    """The rows of one of scikit-learn's data sets as columns."""
    target = data.target  # type: ignore[attr-defined]
    labels = [f"class {y}" if np.issubdtype(target.dtype, np.integer) else float(y) for y in target]
    rows = list(zip(data.data, labels, strict=True))  # type: ignore[attr-defined]
    order = np.random.default_rng(0).permutation(len(rows))[:n]
    return [Example(str(i), {f"f{j}": float(v) for j, v in enumerate(rows[i][0])}, rows[i][1]) for i in order]


def moods(n: int) -> list[Example]:
    """Short texts of two moods."""
    draw = np.random.default_rng(1)
    words = (["awful", "broken", "late", "rude"], ["lovely", "works", "quick", "kind"])
    filler = ["the", "parcel", "staff", "shop", "today", "was"]
    found = []
    for i in range(n):
        mood = int(draw.integers(2))
        text = " ".join([*draw.choice(filler, 4), *draw.choice(words[mood], 1)])
        found.append(Example(str(i), text, ("bad", "good")[mood]))
    return found


def loaded(kind: str = "classification", seconds: float = 3.0, seed: int = 0, **params: JSON) -> Trainable:
    context = LoadContext(folder=ROOT, task_kind=kind, env={}, seed=seed)
    model = load(Candidate(name="automl", kind="automl", params={"seconds": seconds, **params}), context)
    assert isinstance(model, Trainable)
    return model


def answers(model: Model, asked: Sequence[Example]) -> list[Answer]:
    async def all_of_them() -> list[Answer]:
        found = await asyncio.gather(*(model.answer(one.input) for one in asked))
        await model.close()
        return list(found)

    return asyncio.run(all_of_them())


def accuracy(said: Sequence[Answer], asked: Sequence[Example]) -> float:
    return float(np.mean([one.output == example.target for one, example in zip(said, asked, strict=True)]))


def plain(recipe: dict[str, JSON] | None, kind: str = "classification", **more: JSON) -> Trainable:
    """The recipe as a candidate that needs no AutoML library."""
    assert recipe is not None
    context = LoadContext(folder=ROOT, task_kind=kind, env={})
    model = load(Candidate(name="plain", kind="sklearn", params={**recipe, **more}), context)
    assert isinstance(model, Trainable)
    return model


def test_what_it_finds_on_columns_is_a_recipe_that_answers_the_same() -> None:
    """What is served is a plain estimator: same labels, same probabilities, and no AutoML library."""
    from sklearn.datasets import load_breast_cancer

    rows = examples(load_breast_cancer())
    model = loaded()
    model.fit(rows[:400])
    said = answers(model, rows[400:])
    assert accuracy(said, rows[400:]) > 0.9
    alone = plain(recipe_in(said[0]))
    alone.fit(rows[:400])
    again = answers(alone, rows[400:])
    assert [one.output for one in again] == [one.output for one in said]
    for one, other in zip(said, again, strict=True):
        assert one.probabilities is not None
        assert one.probabilities == pytest.approx(other.probabilities)


def test_numbers_are_learned_from_columns() -> None:
    """Diabetes: a mean explains nothing, what is found explains a third at least."""
    from sklearn.datasets import load_diabetes

    rows = examples(load_diabetes())
    model = loaded("regression")
    model.fit(rows[:300])
    said = answers(model, rows[300:])
    targets = np.array([float(str(one.target)) for one in rows[300:]])
    errors = np.array([float(str(one.output)) for one in said]) - targets
    assert 1.0 - (errors**2).sum() / ((targets - targets.mean()) ** 2).sum() > 0.33
    alone = plain(recipe_in(said[0]), "regression")
    alone.fit(rows[:300])
    assert [one.output for one in answers(alone, rows[300:])] == pytest.approx([one.output for one in said])


def test_digits_of_ten_classes_are_learned() -> None:
    from sklearn.datasets import load_digits

    rows = examples(load_digits(), 700)
    model = loaded(estimators=["lrl2", "extra_tree"])
    model.fit(rows[:500])
    assert accuracy(answers(model, rows[500:]), rows[500:]) > 0.85


@pytest.mark.parametrize("features", ["auto", "embeddings"])
def test_texts_are_learned_by_words_and_by_embeddings(features: str) -> None:
    """And the recipe over the same features answers the same."""
    rows, params = moods(160), {"features": features, "estimators": ["lrl2", "lgbm"]}
    if features == "embeddings":
        pytest.importorskip("onnxruntime")
    try:
        model = loaded(**params)
    except CandidateError as problem:
        pytest.skip(str(problem))
    model.fit(rows[:110])
    said = answers(model, rows[110:])
    assert accuracy(said, rows[110:]) > 0.85
    alone = plain(recipe_in(said[0]), features=features)
    alone.fit(rows[:110])
    assert [one.output for one in answers(alone, rows[110:])] == [one.output for one in said]


def test_the_time_of_a_fit_is_obeyed() -> None:
    """Five seconds are five seconds, what it takes to fit the best on all rows included (once it is imported)."""
    from sklearn.datasets import load_digits

    rows = examples(load_digits())
    loaded(seconds=1.0).fit(rows[:200])
    model = loaded(seconds=5.0)
    start = time.monotonic()
    model.fit(rows)
    assert time.monotonic() - start < 5.0 * 1.05 + 1.0  # or one trial: here none takes a second


def test_a_search_leaves_the_process_as_it_was() -> None:
    """No limit of memory, no handler that logs, no message to loggers above."""
    importlib.import_module("flaml.automl")  # its own import says that its loggers pass nothing on
    before = resource.getrlimit(resource.RLIMIT_AS)
    logger = logging.getLogger("flaml.automl.logger")
    handlers, passes_on = list(logger.handlers), logger.propagate
    loaded(seconds=1.0, estimators=["lrl2"]).fit(moods(80))
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert (list(logger.handlers), logger.propagate) == (handlers, passes_on)


def test_it_says_how_far_it_is_and_what_it_found() -> None:
    said: list[str] = []
    context = LoadContext(folder=ROOT, env={}, note=said.append)
    model = load(Candidate(name="a", kind="automl", params={"seconds": 1, "estimators": ["lgbm"]}), context)
    assert isinstance(model, Trainable)
    model.fit(moods(80))
    assert said[-1].startswith("a: tried ")
    assert said[-1].endswith("the best is lightgbm.LGBMClassifier")


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("classification", {"estimators": ["enet"]}, "enet predicts no labels. Name some of lgbm, rf"),
        ("regression", {"estimators": ["lrl2"]}, "lrl2 predicts no numbers. Name some of lgbm"),
        ("regression", {"metric": "accuracy"}, "accuracy does not measure numbers. Take one of rmse, mae, r2"),
        ("classification", {"metric": "r2"}, "r2 does not measure labels. Take one of log_loss"),
        ("translation", {}, "automl learns labels and numbers"),
    ],
)
def test_what_cannot_be_is_said_before_it_learns(kind: str, params: dict[str, JSON], message: str) -> None:
    with pytest.raises(CandidateError, match=message):
        loaded(kind, **params)


def test_rare_classes_do_not_stop_a_search() -> None:
    """No fold has all of a class of one example; it is left out of the search, and learned all the same."""
    rows = [*moods(100), Example("odd", "the shop today was purple", "ugly")]
    model = loaded(seconds=1.0, estimators=["lrl2"])
    model.fit(rows)
    (said,) = answers(model, rows[:1])
    assert set(said.probabilities or {}) == {"bad", "good", "ugly"}


def test_labels_that_are_all_different_cannot_be_compared() -> None:
    with pytest.raises(CandidateError, match=r"30 examples of 30 classes\. It takes two examples of two classes"):
        loaded(seconds=1.0).fit([Example(str(i), f"text {i}", f"class {i}") for i in range(30)])


def test_one_class_alone_teaches_nothing() -> None:
    with pytest.raises(CandidateError, match="two classes"):
        loaded().fit([Example(str(i), f"text {i}", "same") for i in range(60)])


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "flaml" else found(name))
    with pytest.raises(MissingExtra, match=r"needs flaml.*merits\[automl\]"):
        loaded()
    assert not automated.automated_here()
