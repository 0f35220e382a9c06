"""Estimators by import path: found, made, fed and seeded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from merits.candidates.insides import insides_of
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

TEXTS = [Example(str(i), f"{'good' if i % 2 else 'bad'} thing {i}", "pos" if i % 2 else "neg") for i in range(30)]
ROWS = [
    Example(str(i), {"age": str(20 + i), "city": ["Rome", "Bonn", ""][i % 3], "note": None}, "old" if i > 14 else "new")
    for i in range(30)
]


def trained(examples: Sequence[Example], *, seed: int = 0, folder: Path = Path(), **params: JSON) -> Trainable:
    """A fitted model of the kind sklearn."""
    context = LoadContext(folder=folder, classes=("neg", "pos"), seed=seed)
    model = load(Candidate(name="mine", kind="sklearn", params=params), context)
    assert isinstance(model, Trainable)
    model.fit(examples)
    return model


def answers(model: Trainable, inputs: Sequence[JSON]) -> list[Answer]:
    async def ask() -> list[Answer]:
        return list(await asyncio.gather(*(model.answer(input) for input in inputs)))

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "params",
    [
        {"estimator": "sklearn.linear_model.LogisticRegression"},
        {"estimator": "sklearn.linear_model:LogisticRegression"},
        {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"min_samples_leaf": 2}},
        {"estimator": "sklearn.naive_bayes.GaussianNB"},
        {"pipeline": ["sklearn.feature_extraction.text.CountVectorizer", "sklearn.naive_bayes.MultinomialNB"]},
        {"pipeline": ["sklearn.preprocessing.Normalizer", "sklearn.svm.LinearSVC"]},
        {
            "estimator": "sklearn.calibration.CalibratedClassifierCV",
            "params": {"estimator": {"estimator": "sklearn.svm.LinearSVC", "params": {"C": 0.5}}, "cv": 3},
        },
        {
            "pipeline": [
                {"estimator": "sklearn.feature_extraction.text.TfidfVectorizer", "params": {"ngram_range": [1, 2]}},
                {"estimator": "sklearn.neighbors.KNeighborsClassifier", "params": {"n_neighbors": 3}},
            ]
        },
    ],
    ids=lambda params: str(params.get("estimator") or len(params["pipeline"])),
)
def test_texts_are_learned_by_what_wants_numbers_and_by_what_wants_texts(params: dict[str, JSON]) -> None:
    """Sparse, dense, with its own vectoriser or without: the user need not know which is which."""
    assert [a.output for a in answers(trained(TEXTS, **params), ["good good", "bad bad"])] == ["pos", "neg"]


@pytest.mark.parametrize(
    "estimator", ["sklearn.tree.DecisionTreeClassifier", "sklearn.linear_model.LogisticRegression"]
)
def test_columns_are_learned_with_missing_and_unseen_values(estimator: str) -> None:
    """Numbers may come as text (CSV), categories may be new, columns may be missing."""
    model = trained(ROWS, estimator=estimator)
    inputs: list[JSON] = [{"age": 60, "city": "Oslo"}, {"age": "21", "city": None, "extra": 1}]
    assert [answer.output for answer in answers(model, inputs)] == ["old", "new"]


def test_a_dict_vectoriser_gets_the_mappings_themselves() -> None:
    """Its tags say that it takes mappings."""
    rows = [Example(str(i), {"word": "yes" if i % 2 else "no"}, "pos" if i % 2 else "neg") for i in range(10)]
    steps = ["sklearn.feature_extraction.DictVectorizer", "sklearn.linear_model.LogisticRegression"]
    assert [a.output for a in answers(trained(rows, pipeline=steps), [{"word": "yes"}, {"word": "no"}])] == [
        "pos",
        "neg",
    ]


def test_an_input_of_another_kind_fails_alone() -> None:
    """One text among the tables must not take the batch with it."""
    model = trained(ROWS, estimator="sklearn.naive_bayes.GaussianNB")

    async def ask() -> list[Answer | BaseException]:
        inputs: list[JSON] = [{"age": 60}, "a text", {"age": 20}]
        return list(await asyncio.gather(*(model.answer(i) for i in inputs), return_exceptions=True))

    first, second, third = asyncio.run(ask())
    assert isinstance(first, Answer)
    assert isinstance(second, TypeError)
    assert isinstance(third, Answer)
    assert "expected columns (age, city, note), got str" in str(second)


def test_probabilities_are_there_when_the_estimator_gives_them() -> None:
    """And only then: a decision function is no probability."""
    with_them = answers(trained(TEXTS, estimator="sklearn.naive_bayes.MultinomialNB"), ["good"])[0]
    without = answers(trained(TEXTS, estimator="sklearn.svm.LinearSVC"), ["good"])[0]
    assert set(with_them.probabilities or {}) == {"neg", "pos"}
    assert without.probabilities is None


def test_the_same_seed_gives_the_same_answers() -> None:
    """`random_state` is set where it was left open, so that a run can be repeated."""
    params: dict[str, JSON] = {"estimator": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 3}}
    inputs = [f"thing {i}" for i in range(20)]
    first = [answer.probabilities for answer in answers(trained(TEXTS, seed=1, **params), inputs)]
    second = [answer.probabilities for answer in answers(trained(TEXTS, seed=1, **params), inputs)]
    other = [answer.probabilities for answer in answers(trained(TEXTS, seed=2, **params), inputs)]
    assert first == second
    assert first != other


@pytest.mark.parametrize(
    ("path", "params", "threads"),
    [
        ("sklearn.ensemble.RandomForestClassifier", {}, None),
        ("sklearn.ensemble.RandomForestClassifier", {"n_jobs": 2}, 2),
        ("lightgbm.LGBMClassifier", {}, 1),
        ("lightgbm.LGBMClassifier", {"n_jobs": -1}, -1),
    ],
)
def test_an_estimator_takes_one_thread_unless_the_recipe_says_otherwise(
    path: str, params: dict[str, JSON], threads: int | None
) -> None:
    """LightGBM would take all cores, of which other candidates have their share; None is one to scikit-learn's own."""
    pytest.importorskip(path.partition(".")[0])
    inner: dict[str, JSON] = {"estimator": path, "params": params}
    model = trained(TEXTS, estimator="sklearn.multiclass.OneVsRestClassifier", params={"estimator": inner})
    insides = insides_of(model)
    assert insides is not None
    opened: Any = insides.open()
    outer = opened.estimator.steps[-1][1]
    assert outer.estimator.n_jobs == threads


def test_fitting_again_starts_afresh() -> None:
    """Cross-validation must not carry one fold into the next."""
    model = trained(TEXTS, estimator="sklearn.linear_model.SGDClassifier", params={"warm_start": True})
    swapped = [Example(e.id, e.input, "neg" if e.target == "pos" else "pos") for e in TEXTS]
    model.fit(swapped)
    assert [answer.output for answer in answers(model, ["good good", "bad bad"])] == ["neg", "pos"]


def test_a_regressor_learns_numbers() -> None:
    """A short-answer task may ask for a number."""
    rows = [Example(str(i), {"x": i}, str(2 * i)) for i in range(20)]
    output = answers(trained(rows, estimator="sklearn.linear_model.LinearRegression"), [{"x": 30}])[0].output
    assert isinstance(output, float)
    assert output == pytest.approx(60)


def test_a_class_of_the_users_own_is_found_in_the_folder(tmp_path: Path) -> None:
    """It sees the inputs as they are, for it says nothing of what it wants."""
    (tmp_path / "own_model.py").write_text(
        "class Longest:\n"
        "    def __init__(self, at_least=1): self.at_least = at_least\n"
        "    def fit(self, X, y): self.seen = dict(zip(X, y))\n"
        "    def predict(self, X): return [self.seen.get(x, 'new') for x in X]\n"
    )
    model = trained(TEXTS, folder=tmp_path, estimator="own_model.Longest", params={"at_least": 2})
    assert [answer.output for answer in answers(model, ["good thing 1", "else"])] == ["pos", "new"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimator": "sklearn.linear_model.LogisticRegresion"}, "Did you mean 'LogisticRegression'"),
        ({"estimator": "sklearn.linear_modl.LogisticRegression"}, "no module 'sklearn.linear_modl'.*'linear_model'"),
        ({"estimator": "no_such_package.Thing"}, "no module 'no_such_package'"),
        ({"estimator": "LogisticRegression"}, "no import path"),
        ({"estimator": "sklearn.svm.LinearSVC", "params": {"c": 1}}, "no parameter 'c'. Did you mean 'C'"),
        ({"estimator": "sklearn.preprocessing.StandardScaler"}, "cannot predict"),
        ({"estimator": "sklearn.metrics.accuracy_score"}, "no class"),
        ({"pipeline": ["sklearn.svm.LinearSVC", "sklearn.svm.LinearSVC"]}, "cannot transform"),
    ],
)
def test_what_cannot_be_made_says_what_to_mend(params: dict[str, JSON], message: str) -> None:
    """The near miss where there is one."""
    with pytest.raises(CandidateError, match=message):
        load(Candidate(name="mine", kind="sklearn", params=params), LoadContext())
