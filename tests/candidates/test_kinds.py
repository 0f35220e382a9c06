"""Every kind keeps the contract of a Model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from merits.candidates.objects import as_candidate
from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.model import ModelContract
from merits.testing.provider import FakeProvider

ROOT = Path(__file__).parents[2]
APERTIUM = Path("/usr/share/apertium/modes/eng-spa.mode")
CLASSES = ("negative", "positive")
MODULE = """
def sentiment(input):
    return {"label": "positive" if "good" in input else "negative", "confidence": 0.9}
"""
PROGRAM = """
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    answer = "positive" if "good" in question["input"] else "negative"
    print(json.dumps({"id": question["id"], "output": answer}), flush=True)
"""


def model(kind: str, folder: Path = ROOT, **params: JSON) -> Model:
    """A freshly loaded model of one kind."""
    context = LoadContext(folder=folder, classes=CLASSES, env={}, timeout_s=30)
    return load(Candidate(name=kind, kind=kind, params=params), context)


class TestConstant(ModelContract):
    def make(self) -> Model:
        return model("constant", output={"any": ["JSON"]})


class TestCopy(ModelContract):
    def make(self) -> Model:
        return model("copy")


@pytest.mark.skipif(not APERTIUM.is_file(), reason="Apertium is not installed (apt-get install apertium-eng-spa)")
class TestApertium(ModelContract):
    odd: ClassVar = (*ModelContract.odd[:-1], "word " * 500)

    def make(self) -> Model:
        return model("apertium", pair="eng-spa")


class TestMostCommon(ModelContract):
    def make(self) -> Model:
        return model("most-common")


class TestTextLinear(ModelContract):
    def make(self) -> Model:
        return model("text-linear")


class TestTextLinearOnColumns(ModelContract):
    inputs: ClassVar = ({"score": 9, "colour": "red"}, {"score": "1", "colour": None})
    examples: ClassVar = tuple(
        Example(str(i), {"score": i, "colour": "red" if i % 3 else ""}, CLASSES[i > 4]) for i in range(10)
    )
    odd: ClassVar = ({}, {"score": "not a number"}, {"colour": "never seen"}, {"score": 1e308, "other": [1]}, "text")

    def make(self) -> Model:
        return model("text-linear")


class TestEstimator(ModelContract):
    def make(self) -> Model:
        return model("sklearn", estimator="sklearn.naive_bayes.GaussianNB")


class TestPipeline(ModelContract):
    def make(self) -> Model:
        steps = ["sklearn.feature_extraction.text.TfidfVectorizer", {"estimator": "sklearn.svm.LinearSVC"}]
        return model("sklearn", pipeline=steps)


class TestEstimatorOnColumns(TestTextLinearOnColumns):
    def make(self) -> Model:
        return model("sklearn", estimator="sklearn.ensemble.RandomForestClassifier", params={"n_estimators": 5})


class TestPythonFunction(ModelContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        (tmp_path / "own_functions.py").write_text(MODULE)

    def make(self) -> Model:
        return model("python", self.folder, function="own_functions:sentiment")


class TestCommand(ModelContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        (tmp_path / "program.py").write_text(PROGRAM)

    def make(self) -> Model:
        return model("command", self.folder, run=["python", "program.py"])


class TestChat(ModelContract):
    @pytest.fixture(autouse=True)
    def _provider(self) -> Iterator[None]:
        with FakeProvider() as provider:
            self.url = provider.base_url
            yield

    def make(self) -> Model:
        return model("chat", model="fake", base_url=self.url, logprobs=True)


class TestFewShotChat(TestChat):
    def make(self) -> Model:
        return model("chat", model="fake", base_url=self.url, few_shot=2)


class TestFunctionObject(ModelContract):
    def make(self) -> Model:
        def shorter(input: JSON) -> JSON:
            return str(input)[:3]

        return load(as_candidate(shorter), LoadContext())


class TestCoroutineObject(ModelContract):
    def make(self) -> Model:
        async def shorter(input: JSON) -> JSON:
            return str(input)[:3]

        return load(as_candidate(shorter), LoadContext())


class TestEstimatorObject(ModelContract):
    def make(self) -> Model:
        from sklearn.linear_model import LogisticRegression

        return load(as_candidate(LogisticRegression(C=2.0)), LoadContext())


class TestEmbeddings(ModelContract):
    def make(self) -> Model:
        pytest.importorskip("onnxruntime")
        if not (ROOT / ".assets" / "all-MiniLM-L6-v2-int8").is_dir():
            pytest.skip("the embedding model is not there; fetch it with `make assets`")
        return model("embeddings-linear")


class TestEmbedding(ModelContract):
    def make(self) -> Model:
        pytest.importorskip("onnxruntime")
        if not (ROOT / ".assets" / "all-MiniLM-L6-v2-int8").is_dir():
            pytest.skip("the embedding model is not there; fetch it with `make assets`")
        return model("embedding")


class TestGguf(ModelContract):
    at_once: ClassVar = 4
    inputs: ClassVar = ("good", "bad")
    odd: ClassVar = ("", "\u0000", "日本語 🙂", "'\"{input}</s>", "word " * 3_000)

    def make(self) -> Model:
        pytest.importorskip("xllamacpp")
        file = "SmolLM2-135M-Instruct.Q4_1.gguf"
        if not (ROOT / ".assets" / file).is_file():
            pytest.skip("the chat model is not there; fetch it with `make assets`")
        return model("gguf", path=file, context_tokens=512)


TRAINED = (
    {"kind": "most-common"},
    {"kind": "text-linear"},
    {"kind": "sklearn", "estimator": "sklearn.naive_bayes.MultinomialNB"},
    {"kind": "chat", "model": "m", "base_url": "http://127.0.0.1:1", "few_shot": 1},
)


@pytest.mark.parametrize("recipe", TRAINED, ids=lambda recipe: recipe["kind"])
def test_what_learns_is_trainable(recipe: dict[str, JSON]) -> None:
    """Who runs the model must know that it has to be fitted first."""
    assert isinstance(model(**recipe), Trainable)


def test_what_does_not_learn_is_not_trainable() -> None:
    """A zero-shot model is not cross-validated."""
    assert not isinstance(model("chat", model="m", base_url="http://127.0.0.1:1"), Trainable)
    assert not isinstance(model("constant", output=1), Trainable)
    assert not isinstance(model("command", run=[sys.executable]), Trainable)


@pytest.mark.parametrize("kind", ["most-common", "text-linear"])
def test_nothing_to_learn_from_is_said(kind: str) -> None:
    """A dev split without targets is the user's mistake, not a failed candidate."""
    with pytest.raises(CandidateError, match="no example with a target"):
        model(kind).fit([Example("1", "a")])


def test_one_class_cannot_be_learned() -> None:
    """The message names the class, not a line of scikit-learn."""
    with pytest.raises(CandidateError, match=r"all 2 examples to learn from are labelled 'spam'"):
        model("text-linear").fit([Example("1", "a", "spam"), Example("2", "b", "spam")])
