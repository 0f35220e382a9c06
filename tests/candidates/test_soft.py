"""Learning from shares of labels: as good as from many labels, and at the temperature that was meant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from merits.candidates.registry import LoadContext, load
from merits.candidates.soft import at_temperature, likeliest, soft_of, weighted
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model, SoftTrainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

WORDS = ("sun", "rain", "wind", "snow")


def texts(n: int, seed: int = 0) -> tuple[list[Example], list[dict[str, float]]]:
    """Texts whose share of "good" is that of one word: a label drawn from it would be noisy."""
    random = np.random.default_rng(seed)
    examples, shares = [], []
    for number in range(n):
        at = int(random.integers(4))
        good = (0.9, 0.7, 0.3, 0.1)[at]
        share = {"good": good, "bad": 1 - good}
        examples.append(Example(f"{number}", f"{WORDS[at]} today number {number % 7}", likeliest(share)))
        shares.append(share)
    return examples, shares


def answers(model: Model, inputs: Sequence[JSON]) -> list[Answer]:
    async def ask() -> list[Answer]:
        return list(await asyncio.gather(*(model.answer(input) for input in inputs)))

    return asyncio.run(ask())


def student(kind: str = "text-linear", **params: JSON) -> SoftTrainable:
    found = load(Candidate(name="student", kind=kind, params=params), LoadContext(classes=("bad", "good"), env={}))
    assert isinstance(found, SoftTrainable)
    return found


LEARNERS: tuple[tuple[str, dict[str, JSON]], ...] = (
    ("text-linear", {"strength": 100.0}),
    ("sklearn", {"estimator": "sklearn.linear_model.LogisticRegression", "params": {"C": 100.0}}),
    ("sklearn", {"estimator": "sklearn.neighbors.KNeighborsClassifier", "params": {"n_neighbors": 50}}),
    ("sklearn", {"pipeline": ["sklearn.feature_extraction.text.CountVectorizer", "sklearn.naive_bayes.MultinomialNB"]}),
)


@pytest.mark.parametrize(("kind", "params"), LEARNERS, ids=lambda value: str(value)[:50])
def test_an_estimator_says_the_shares_that_it_learned(kind: str, params: dict[str, JSON]) -> None:
    """With weights or in copies: what it says of each word is near what it was told."""
    model = student(kind, **params)
    model.fit_soft(*texts(200))
    said = answers(model, [f"{word} today number 3" for word in WORDS])
    assert [answer.output for answer in said] == ["good", "good", "bad", "bad"]
    found = [answer.probabilities["good"] for answer in said if answer.probabilities is not None]
    assert found == pytest.approx([0.9, 0.7, 0.3, 0.1], abs=0.12)


def test_the_temperature_is_taken_back_when_it_answers() -> None:
    """Softened shares are learned, and what is said is as sharp as the teacher was."""
    examples, shares = texts(200)
    soft = [at_temperature(share, 4.0) for share in shares]
    model = student(strength=1000.0)
    model.fit_soft(examples, soft, 4.0)
    (said,) = answers(model, ["sun today number 3"])
    assert said.probabilities is not None
    assert said.probabilities["good"] == pytest.approx(0.9, abs=0.05)


def test_one_label_is_too_few() -> None:
    examples, _ = texts(10)
    with pytest.raises(CandidateError, match="labelled 'bad'"):
        student().fit_soft(examples, [{"bad": 1.0}] * 10)


@pytest.mark.parametrize("parts", [None, 1, 3, 10])
def test_every_example_weighs_the_same(parts: int | None) -> None:
    random = np.random.default_rng(1)
    soft = soft_of([dict(zip("abcde", row, strict=True)) for row in random.dirichlet(np.ones(5), 40)])
    rows, labels, weights = weighted(soft, parts)
    assert np.bincount(rows, weights) == pytest.approx(np.full(40, 1.0 if parts is None else parts))
    found = np.zeros((40, 5))
    np.add.at(found, (rows, labels), weights / (parts or 1))
    assert np.abs(found - soft.shares).max() < (0.03 if parts is None else 1.0 / parts)


def test_a_temperature_keeps_the_order_and_what_is_impossible() -> None:
    softer = at_temperature({"a": 0.7, "b": 0.3, "c": 0.0}, 5.0)
    assert softer["a"] > softer["b"] > softer["c"] == 0.0
    assert at_temperature(softer, 1 / 5.0) == pytest.approx({"a": 0.7, "b": 0.3, "c": 0.0})


def with_torch() -> None:
    pytest.importorskip("torch", reason="needs the extra torch")


def test_an_encoder_learns_shares(tmp_path: Path) -> None:
    """A tiny one: what it says of the words is ordered as it was told, and the same again."""
    with_torch()
    from tests.candidates.tiny_encoders import tiny_encoder

    folder = tiny_encoder(tmp_path / "encoder", [*WORDS, "today", "number"])
    examples, shares = texts(160)
    params: Mapping[str, JSON] = {
        "path": str(folder),
        "epochs": 6,
        "learning_rate": 3e-3,
        "head_learning_rate": 3e-2,
        "patience": 6,
    }
    found = []
    for _ in range(2):
        context = LoadContext(folder=tmp_path, classes=("bad", "good"), env={})
        model = load(Candidate(name="tiny", kind="transformer-finetune", params={**params}), context)
        assert isinstance(model, SoftTrainable)
        model.fit_soft(examples, [at_temperature(share, 2.0) for share in shares], 2.0)
        said = answers(model, [f"{word} today number" for word in WORDS])
        found.append([answer.probabilities["good"] for answer in said if answer.probabilities is not None])
        asyncio.run(model.close())
    assert found[0] == pytest.approx([0.9, 0.7, 0.3, 0.1], abs=0.15)
    assert found[0] == pytest.approx(found[1])


def test_a_network_learns_shares_of_pictures(tmp_path: Path) -> None:
    """Red squares are "mostly" one thing: it says so, and no more."""
    with_torch()
    pytest.importorskip("PIL", reason="needs the extra images")
    from tests.media.painting import painted

    names = painted(tmp_path, 30)
    context = LoadContext(folder=tmp_path, task_kind="image-classification", classes=("blue", "red"), env={})
    recipe: dict[str, JSON] = {"size": 8, "channels": [8], "epochs": 20, "batch_size": 8, "patience": 20}
    model = load(Candidate(name="net", kind="image-cnn", params=recipe), context)
    assert isinstance(model, SoftTrainable)
    examples = [Example(name, name, name.split("/")[0], input_hash=name) for name in names]
    other = {"red": "blue", "blue": "red"}
    shares = [{label: 0.75, other[label]: 0.25} for label in (str(example.target) for example in examples)]
    model.fit_soft(examples, shares)
    said = answers(model, [names[0], names[-1]])
    assert [answer.output for answer in said] == [examples[0].target, examples[-1].target]
    assert [max((answer.probabilities or {}).values()) for answer in said] == pytest.approx([0.75, 0.75], abs=0.12)
