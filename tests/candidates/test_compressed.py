"""Compressed copies: they answer as their parent does in form, nearly as it does in content, and are what they say."""

from __future__ import annotations

import asyncio
import copy
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from merits.candidates.compressed import opened_copy
from merits.candidates.compressing.forms import Copy, Graph, Torch
from merits.candidates.compressing.methods import IN_TORCH, Method, Settings, Taught, method_of
from merits.candidates.compressing.resident import resident
from merits.candidates.insides import insides_of
from merits.candidates.registry import LoadContext, check, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.model import ModelContract
from tests.candidates.test_fine_tuned import WORDS, encoder, sentences
from tests.media.painting import painted

__all__ = ["encoder"]  # a fixture

NEEDED = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime", "skl2onnx")
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in NEEDED), reason="needs the extras transformers, onnx"
)
TEST = sentences(40, seed=9)
LINEAR = Candidate(name="linear", kind="text-linear", params={"characters": 0})


def tuned(folder: Path) -> Candidate:
    params: dict[str, JSON] = {"path": str(folder), "epochs": 3, "learning_rate": 3e-3, "head_learning_rate": 3e-2}
    return Candidate(name="tuned", kind="transformer-finetune", params=params)


def estimator(name: str, **params: JSON) -> Candidate:
    return Candidate(name="own", kind="sklearn", params={"estimator": f"sklearn.{name}", "params": params})


def loaded(candidate: Candidate, folder: Path, notes: list[str] | None = None, kind: str = "classification") -> Any:
    note = (lambda text: None) if notes is None else notes.append
    classes = () if kind == "regression" else ("neg", "pos")
    return load(candidate, LoadContext(folder=folder, task_kind=kind, classes=classes, env={}, note=note))


def copy_of(parent: Candidate, **params: Any) -> Candidate:
    return Candidate(name="copy", kind="compressed", params=params, parts=(parent,))


def asked(model: Any, inputs: Sequence[JSON]) -> list[Answer]:
    async def all_at_once() -> list[Answer]:
        found = list(await asyncio.gather(*map(model.answer, inputs)))
        await model.close()
        return found

    return asyncio.run(all_at_once())


def both(
    parent: Candidate, folder: Path, learned: Sequence[Example], inputs: Sequence[JSON], **params: Any
) -> tuple[list[Answer], list[Answer]]:
    """What a parent and its copy answer after learning from the same."""
    found = []
    kind = "regression" if isinstance(learned[0].target, float) else "classification"
    for candidate in (parent, copy_of(parent, **params)):
        model = loaded(candidate, folder, kind=kind)
        model.fit(learned)
        found.append(asked(model, inputs))
    return found[0], found[1]


def apart(first: list[Answer], second: list[Answer]) -> float:
    """The largest difference of a probability; AssertionError where the two do not have the same form."""
    assert [set(one.probabilities or {}) for one in first] == [set(one.probabilities or {}) for one in second]
    return max(
        abs(share - (other.probabilities or {})[label])
        for one, other in zip(first, second, strict=True)
        for label, share in (one.probabilities or {}).items()
    )


def right(answers: list[Answer]) -> int:
    return sum(answer.output == example.target for answer, example in zip(answers, TEST, strict=True))


@pytest.fixture(scope="module")
def taught(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Torch, list[Answer]]:
    """A tuned encoder, opened, and its answers."""
    parent = loaded(tuned(encoder), tmp_path_factory.mktemp("taught"))
    parent.fit(sentences(120))
    opened: Any = insides_of(parent)
    network = opened.open()
    made = Torch(network.module, network.reading, network.tune)
    return made, asked_of(made)


@pytest.fixture(scope="module")
def graph(taught: tuple[Torch, list[Answer]]) -> Graph:
    """The same exported, which takes seconds."""
    made = compressed(taught[0], "onnx")
    assert isinstance(made, Graph)
    return made


def asked_of(copied: Copy) -> list[Answer]:
    return list(copied.answer_batch([one.input for one in TEST]))


def compressed(made: Copy, method: Method, **settings: Any) -> Copy:
    """By the method itself; of a module, a copy is changed."""
    if isinstance(made, Torch):
        made = made.with_module(copy.deepcopy(made.module).eval())
    return method_of(method).make(made, method, Taught(Settings(**settings), sentences(120)))


def test_a_graph_answers_as_its_parent_does(graph: Graph, taught: tuple[Torch, list[Answer]]) -> None:
    assert apart(asked_of(graph), taught[1]) < 1e-5


@pytest.mark.parametrize(
    ("method", "nearly"),
    [("onnx-int8", 0.05), ("int8-static", 0.1), ("int8-dynamic", 0.05), ("fp16", 0.01), ("bf16", 0.03)],
)
def test_what_changes_only_the_numbers_answers_nearly_as_its_parent(
    method: Method, nearly: float, graph: Graph, taught: tuple[Torch, list[Answer]]
) -> None:
    """The same labels and probabilities in the same form; fewer bits move a probability a little."""
    made = compressed(taught[0] if method in IN_TORCH else graph, method)
    assert 0 < apart(asked_of(made), taught[1]) < nearly


@pytest.mark.parametrize(
    ("params", "smaller"),
    [
        ({"method": "pruned", "share": 0.5}, True),
        ({"method": "pruned", "structure": "heads", "share": 0.5}, True),
        ({"method": "pruned", "structure": "weights", "share": 0.5}, False),
        ({"method": "low-rank", "rank": 3}, True),
        ({"method": ["pruned", "fp16"], "structure": "neurons"}, True),
    ],
)
def test_what_takes_something_away_is_trained_again(
    params: dict[str, Any], smaller: bool, encoder: Path, tmp_path: Path
) -> None:
    """Units that are removed and factors make it smaller, zeros do not; it still knows the words."""
    parent = loaded(tuned(encoder), tmp_path)
    parent.fit(sentences(120))
    notes: list[str] = []
    model = loaded(copy_of(tuned(encoder), **params), tmp_path, notes)
    model.fit(sentences(120))
    opened: Any = insides_of(parent)
    before = opened_copy(opened).size_bytes
    assert (model.size_bytes < 0.95 * before) == smaller
    assert right(asked(model, [one.input for one in TEST])) >= 30
    assert any("MB on disk, where its parent takes" in note for note in notes)


def test_weights_that_were_pruned_stay_at_zero(taught: tuple[Torch, list[Answer]]) -> None:
    """The training afterwards moves the others only; the parent is whole."""
    made = compressed(taught[0], "pruned", share=0.5, structure="weights")
    assert isinstance(made, Torch)
    weights = [each for name, each in made.module.named_parameters() if name.endswith(("dense.weight", "query.weight"))]
    zeros = sum(int((each == 0).sum()) for each in weights) / sum(each.numel() for each in weights)
    assert 0.4 < zeros < 0.6
    assert asked_of(taught[0]) == taught[1]


def test_the_graph_is_written_where_it_is_wanted(encoder: Path, tmp_path: Path) -> None:
    """A file that any ONNX runtime can run."""
    import onnxruntime

    model = loaded(copy_of(tuned(encoder), method="onnx-int8", file="out/mine.onnx"), tmp_path)
    model.fit(sentences(60))
    session = onnxruntime.InferenceSession(str(tmp_path / "out/mine.onnx"))
    assert {"input_ids", "attention_mask"} <= {each.name for each in session.get_inputs()}
    assert model.size_bytes == (tmp_path / "out/mine.onnx").stat().st_size


def test_a_network_is_exported_once_for_all_methods_that_need_it(
    taught: tuple[Torch, list[Answer]], graph: Graph
) -> None:
    """An export takes seconds, and every method in int8 begins with one; other numbers are another network."""
    same = compressed(taught[0].with_module(copy.deepcopy(taught[0].module)), "onnx")
    assert isinstance(same, Graph)
    assert same.model is graph.model
    other = copy.deepcopy(taught[0].module)
    next(other.parameters()).data.add_(1.0)
    changed = compressed(taught[0].with_module(other), "onnx")
    assert isinstance(changed, Graph)
    assert changed.model != graph.model


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells what a process takes")
def test_what_a_copy_takes_in_memory_is_measured_beside_its_parent(tmp_path: Path) -> None:
    """ONNX Runtime is a fraction of scikit-learn; in a search, whose trials are many, it is not measured."""
    parent = estimator("linear_model.LogisticRegression", C=3.0)
    trial = load(copy_of(parent, method="onnx"), LoadContext(folder=tmp_path, classes=("neg", "pos"), trial=True))
    copied = loaded(copy_of(parent, method="onnx"), tmp_path)
    for model in (trial, copied):
        model.fit(sentences(60))
    assert trial.memory is None
    own = copied.memory
    assert 0 < own.n_bytes <= own.peak_bytes
    assert 2 * own.n_bytes < own.parent.n_bytes
    assert resident(opened_copy(insides_of(loaded_and_fitted(parent, tmp_path))), []) is None


def test_the_memory_of_what_cannot_be_written_is_not_known(tmp_path: Path) -> None:
    """A lambda has no pickle; nothing is guessed."""
    opened: Any = opened_copy(insides_of(loaded_and_fitted(LINEAR, tmp_path)))
    opened.opened.estimator.secret = lambda: None
    assert resident(opened, ["good"]) is None


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells what a process takes")
def test_a_larger_network_takes_more_memory_by_what_its_weights_take(taught: tuple[Torch, list[Answer]]) -> None:
    """The measure sees 64 MB of weights, whatever torch itself takes."""
    import torch

    small = taught[0]
    wide = copy.deepcopy(small.module)
    wide.further = torch.nn.Linear(4096, 4096, bias=False)
    torch.nn.init.ones_(wide.further.weight)
    before, after = (resident(each, ["good"]) for each in (small, small.with_module(wide)))
    assert before is not None
    assert after is not None
    assert (after.n_bytes - before.n_bytes) / 1e6 == pytest.approx(4 * 4096**2 / 1e6, rel=0.3)


def loaded_and_fitted(parent: Candidate, folder: Path) -> Any:
    model = loaded(parent, folder)
    model.fit(sentences(60))
    return model


@pytest.mark.parametrize(
    "parent",
    [
        LINEAR,
        estimator("linear_model.LogisticRegression"),
        estimator("ensemble.RandomForestClassifier", n_estimators=10),
        estimator("svm.LinearSVC"),
        Candidate(
            name="piped",
            kind="sklearn",
            params={"pipeline": ["sklearn.feature_extraction.text.TfidfVectorizer", "sklearn.svm.LinearSVC"]},
        ),
    ],
    ids=lambda candidate: str(candidate.params.get("estimator", candidate.name)),
)
def test_estimators_of_texts_answer_the_same_in_onnx(parent: Candidate, tmp_path: Path) -> None:
    """Also of words in other scripts, with accents, and with counts above one (where skl2onnx errs)."""
    odd: list[JSON] = ["Good GOOD good, film!", "Sád très bàd", "日本 bad film", "", "it 's  x_y 12"]
    first, second = both(parent, tmp_path, sentences(120), [*(one.input for one in TEST), *odd], method="onnx")
    assert [one.output for one in first] == [one.output for one in second]
    assert apart(first, [*second]) < 1e-5 if first[0].probabilities else second[0].probabilities is None


def table(n: int, *, numbers: bool = False) -> list[Example]:
    random = np.random.default_rng(5)
    examples = []
    for at in range(n):
        height, width = random.normal(size=2)
        columns: JSON = {"height": float(height), "width": float(width), "city": ("Bonn", "Rome")[at % 2]}
        target: JSON = float(height - width) if numbers else "pos" if height > width else "neg"
        examples.append(Example(f"{at}", columns, target))
    return examples


@pytest.mark.parametrize(
    "parent",
    [
        estimator("ensemble.RandomForestClassifier", n_estimators=10),
        estimator("linear_model.LogisticRegression"),
        estimator("neural_network.MLPClassifier", hidden_layer_sizes=[8], max_iter=3000),
    ],
    ids=lambda candidate: str(candidate.params["estimator"]),
)
def test_estimators_of_columns_answer_the_same_in_onnx(parent: Candidate, tmp_path: Path) -> None:
    """What reads the columns stays in scikit-learn, the estimator goes."""
    learned = table(120)
    first, second = both(parent, tmp_path, learned, [one.input for one in learned], method="onnx")
    assert apart(first, second) < 1e-5


def test_numbers_are_answered_with_numbers(tmp_path: Path) -> None:
    """As the parent does, in 32 bits."""
    learned = table(80, numbers=True)
    parent = estimator("ensemble.RandomForestRegressor", n_estimators=5)
    first, second = both(parent, tmp_path, learned, [one.input for one in learned], method="onnx")
    assert all(isinstance(one.output, float) for one in second)
    assert [one.output for one in second] == pytest.approx([one.output for one in first], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("method", ["int8-static", "pruned", "fp16"])
def test_a_network_of_pictures_is_compressed_too(method: str, tmp_path: Path) -> None:
    """Convolutions: exported, in int8, with channels removed, and in 16 bits."""
    names = painted(tmp_path, 20)
    learned = [Example(name, name, name.split("/")[0], input_hash=name) for name in names]
    small: dict[str, JSON] = {"size": 8, "channels": [16, 16], "epochs": 20, "batch_size": 8}
    parent = Candidate(name="net", kind="image-cnn", params=small)
    context = LoadContext(folder=tmp_path, task_kind="image-classification", classes=("blue", "red"), env={})
    sizes, answers = [], []
    for candidate in (parent, copy_of(parent, method=method, epochs=5)):
        model: Any = load(candidate, context)
        model.fit(learned)
        sizes.append(model.size_bytes)
        answers.append(asked(model, list(names)))
    assert apart(*answers) < {"fp16": 0.01}.get(method, 1.0)
    assert sum(a.output == one.target for a, one in zip(answers[1], learned, strict=True)) >= 0.9 * len(learned)
    if method == "pruned":
        assert sizes[1] < sizes[0]


class TestContract(ModelContract):
    inputs: ClassVar = ("good film", "bad day")
    examples: ClassVar = tuple(sentences(40))
    odd: ClassVar = ("", {}, {"text": "good"}, 5, None)

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make(self) -> Any:
        return loaded(copy_of(LINEAR, method="onnx"), self.folder)


@pytest.mark.parametrize(
    ("parent", "params", "said"),
    [
        (Candidate(name="c", kind="constant", params={"output": "x"}), {}, "cannot be compressed: only what"),
        (LINEAR, {"method": "fp16"}, "fp16 is for networks"),
        (LINEAR, {"method": ["pruned", "onnx"]}, "pruned is for networks"),
    ],
)
def test_a_parent_that_cannot_be_compressed_says_why_and_what_can(
    parent: Candidate, params: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """Before anything is trained."""
    with pytest.raises(CandidateError, match=said):
        loaded(copy_of(parent, **params), tmp_path)


@pytest.mark.parametrize(
    ("parent", "method", "said"),
    [
        (Candidate(name="pieces", kind="text-linear"), "onnx", "pieces of words"),
        (LINEAR, "onnx-int8", "next to nothing"),
    ],
)
def test_what_has_no_counterpart_is_said_when_it_is_exported(
    parent: Candidate, method: str, said: str, tmp_path: Path
) -> None:
    """Only what was learned shows what it is made of."""
    with pytest.raises(CandidateError, match=said):
        loaded(copy_of(parent, method=method), tmp_path).fit(sentences(60))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"method": "int9"}, "int9"),
        ({"method": []}, "method is empty"),
        ({"method": ["onnx", "pruned"]}, "pruned comes before onnx"),
        ({"method": ["fp16", "int8-dynamic"]}, "take one"),
        ({"method": "fp16", "file": "x.onnx"}, "this copy is none"),
        ({"share": 1.0}, "share"),
    ],
)
def test_methods_that_do_not_go_together_are_refused(params: dict[str, Any], said: str) -> None:
    """When the task file is read."""
    with pytest.raises(CandidateError, match=said):
        check(copy_of(LINEAR, **params))


def test_what_is_not_there_cannot_be_removed(encoder: Path, tmp_path: Path) -> None:
    """An encoder has no channels, and one of two heads is more than a third."""
    for params in ({"structure": "channels"}, {"structure": "heads", "share": 0.3}):
        with pytest.raises(CandidateError, match="can be removed"):
            loaded(copy_of(tuned(encoder), method="pruned", **params), tmp_path).fit(sentences(60))


def test_one_that_was_not_fitted_fails_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="before it was fitted"):
        asked(loaded(copy_of(LINEAR, method="onnx"), tmp_path), [" ".join(WORDS)])
