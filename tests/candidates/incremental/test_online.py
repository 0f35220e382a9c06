"""Models that learn online: they are River's, to the last bit, and can be put away and taken up again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from merits.candidates.online import Params, load
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.doors import Learning, Model, Portable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.learning import LearningContract
from merits.testing.contracts.model import ModelContract

pytest.importorskip("river")
from river import datasets, forest, linear_model, optim, preprocessing, stream, tree


def columns(n: int, *, start: int = 0) -> list[Example]:
    """A stream whose rule changes in its middle, with a category."""
    found = datasets.synth.ConceptDriftStream(seed=3, position=600, width=20).take(start + n)
    return [Example(str(i), {**x, "shop": "abc"[i % 3]}, str(y)) for i, (x, y) in enumerate(found)][start:]


def numbers(n: int) -> list[Example]:
    found = datasets.synth.FriedmanDrift(seed=3, position=(300, 500, 700)).take(n)
    return [Example(str(i), {str(k): v for k, v in x.items()}, y) for i, (x, y) in enumerate(found)]


def said(model: Model, inputs: Sequence[JSON]) -> list[Answer]:
    async def ask() -> list[Answer]:
        return await asyncio.gather(*(model.answer(input) for input in inputs))

    return asyncio.run(ask())


REGRESSION = LoadContext(task_kind="regression", seed=1)


class TestLinearIsAModel(ModelContract):
    def make(self) -> Model:
        return load(Params(), LoadContext())


class TestBayesIsAModel(ModelContract):
    def make(self) -> Model:
        return load(Params(model="naive-bayes"), LoadContext())


class TestLinearLearns(LearningContract):
    def make(self) -> Learning:
        return load(Params(), LoadContext())


class TestBayesLearns(LearningContract):
    def make(self) -> Learning:
        return load(Params(model="naive-bayes"), LoadContext())


class TestTreeLearns(LearningContract):
    lessons = columns(1000)
    inputs = tuple(example.input for example in columns(40, start=1000))

    def make(self) -> Learning:
        return load(Params(model="adaptive-tree"), LoadContext(seed=1))


class TestForestLearns(LearningContract):
    lessons = columns(1000)
    inputs = tuple(example.input for example in columns(40, start=1000))

    def make(self) -> Learning:
        return load(Params(model="adaptive-forest", trees=3), LoadContext(seed=1))


class TestRegressionForestLearns(LearningContract):
    lessons = numbers(900)
    inputs = tuple(example.input for example in numbers(940)[900:])

    def make(self) -> Learning:
        return load(Params(model="adaptive-forest", trees=2), REGRESSION)


class TestRegressionTreeLearns(LearningContract):
    lessons = numbers(900)
    inputs = tuple(example.input for example in numbers(940)[900:])

    def make(self) -> Learning:
        return load(Params(model="adaptive-tree"), REGRESSION)


class TestRegressionLineLearns(LearningContract):
    lessons = numbers(300)
    inputs = tuple(example.input for example in numbers(340)[300:])

    def make(self) -> Learning:
        return load(Params(), REGRESSION)


@pytest.mark.parametrize(
    ("params", "theirs"),
    [
        (Params(model="adaptive-tree"), lambda: tree.HoeffdingAdaptiveTreeClassifier(grace_period=50, seed=1)),
        (Params(model="adaptive-forest", trees=3), lambda: forest.ARFClassifier(n_models=3, grace_period=50, seed=1)),
    ],
)
def test_says_what_river_says(params: Params, theirs: Any) -> None:
    """It is the same model, also with a category: no number may differ."""
    model, river = load(params, LoadContext(seed=1)), theirs()
    examples = columns(1200)
    for example in examples[:1000]:
        model.learn_one(example.input, example.target)
        river.learn_one(example.input, example.target)
    for example, answer in zip(examples[1000:], said(model, [e.input for e in examples[1000:]]), strict=True):
        assert answer.output == river.predict_one(example.input)


def test_linear_scales_numbers_as_rivers_pipeline_does() -> None:
    """Of columns with numbers only, a scaler and a softmax with a constant are the same thing."""
    model = load(Params(steps="constant", rate=0.03), LoadContext())
    scaler, softmax = preprocessing.StandardScaler(), linear_model.SoftmaxRegression(optim.SGD(0.03))
    rows = [(x, str(y)) for x, y in datasets.Phishing().take(600)]
    for x, y in rows[:500]:
        model.learn_one(x, y)
        scaler.learn_one(x)
        softmax.learn_one({**scaler.transform_one(x), "": 1.0}, y)
    wanted = [softmax.predict_one({**scaler.transform_one(x), "": 1.0}) for x, _ in rows[500:]]
    assert [answer.output for answer in said(model, [x for x, _ in rows[500:]])] == wanted


def test_follows_a_rule_that_changes() -> None:
    """What learned once is left behind by the drift; what goes on learning is not."""
    examples = columns(1500)
    frozen, learning = (load(Params(model="adaptive-tree"), LoadContext(seed=1)) for _ in range(2))
    frozen.fit(examples[:500])
    learning.fit(examples[:500])
    learning.learn_many(examples[500:1000])
    inputs = [example.input for example in examples[1000:]]
    right = [
        sum(answer.output == example.target for answer, example in zip(said(m, inputs), examples[1000:], strict=True))
        for m in (frozen, learning)
    ]
    assert right[1] > right[0]


def test_can_be_kept_in_a_folder(tmp_path: Path) -> None:
    """As a release keeps it: a file, nothing pickled."""
    model, other = (load(Params(), LoadContext()) for _ in range(2))
    assert isinstance(model, Portable)
    model.fit([Example("1", "good", "positive"), Example("2", "bad", "negative")])
    model.keep(tmp_path)
    other.restore(tmp_path)
    assert said(other, ["good"]) == said(model, ["good"]) or said(other, ["good"])[0].output == "positive"
    with pytest.raises(CandidateError, match="cannot be read"):
        other.restore(tmp_path / "elsewhere")


def test_a_state_of_another_recipe_is_refused() -> None:
    """It would answer, and go on otherwise than what it is called."""
    model = load(Params(), LoadContext())
    model.learn_one("good", "positive")
    with pytest.raises(CandidateError, match="another recipe"):
        load(Params(words=1), LoadContext()).restore_state(model.state())


def test_a_model_made_in_another_process_is_the_same(tmp_path: Path) -> None:
    """Texts hash otherwise in each process; nothing may depend on that."""
    script = (
        "import sys; from tests.candidates.incremental.test_online import *\n"
        "m = load(Params(model='adaptive-forest', trees=2), LoadContext(seed=1)); m.fit(columns(800))\n"
        "open(sys.argv[1], 'wb').write(m.state())"
    )
    states = []
    for seed in ("1", "2"):
        file = tmp_path / seed
        env = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script, str(file)], check=True, env=env, timeout=120)
        states.append(file.read_bytes())
    assert states[0] == states[1]


def test_trees_are_refused_for_texts() -> None:
    """They would see nothing but whether a word is there, at the price of a tree for each."""
    with pytest.raises(CandidateError, match="inputs are texts"):
        load(Params(model="adaptive-tree"), LoadContext(named=()))


def test_naive_bayes_says_no_numbers() -> None:
    with pytest.raises(CandidateError, match="wants numbers"):
        load(Params(model="naive-bayes"), REGRESSION)


def test_a_text_among_columns_fails_alone() -> None:
    """As any input that cannot be read."""
    model = load(Params(model="adaptive-tree"), LoadContext(seed=1))
    model.fit(columns(100))
    with pytest.raises(TypeError, match="expected columns"):
        said(model, ["a text"])


def test_a_category_that_looks_like_a_number_stays_a_category() -> None:
    """A tree that was given both for one column would break."""
    model = load(Params(model="adaptive-tree", grace=5), LoadContext(seed=1))
    lessons = [Example(str(i), {"zip": "3A" if i % 2 else "77"}, "ab"[i % 2]) for i in range(200)]
    model.fit(lessons)
    model.learn_one({"zip": 12, "new": 1.5}, "a")
    assert [answer.output for answer in said(model, [{"zip": "3A"}, {"zip": "77"}])] == ["b", "a"]


def test_rivers_delays_are_ours() -> None:
    """What `stream.simulate_qa` calls a delay of n is what `--delay n` means: see evaluating.prequential."""
    order = [(i, y is None) for i, _, y in stream.simulate_qa([({}, 1)] * 4, None, 2)]
    assert order == [(0, True), (1, True), (0, False), (2, True), (1, False), (3, True), (2, False), (3, False)]
