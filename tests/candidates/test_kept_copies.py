"""Compressed copies are kept without their parents, and answer as before: each method, networks and estimators."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from tests.candidates.kept_once import kept_as_it_was
from tests.candidates.test_compressed import LINEAR, copy_of, estimator, table, tuned
from tests.candidates.test_fine_tuned import encoder, sentences
from tests.media.painting import painted

__all__ = ["encoder"]  # a fixture

NEEDED = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime", "skl2onnx", "skops")
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in NEEDED), reason="needs the extras transformers, onnx"
)
OF_NETWORKS: Sequence[dict[str, Any]] = (
    {"method": "onnx-int8"},
    {"method": ["pruned", "onnx"], "share": 0.5, "epochs": 0},
    {"method": "pruned", "share": 0.5},
    {"method": "pruned", "structure": "weights"},
    {"method": "low-rank", "rank": 3},
    {"method": ["low-rank", "int8-dynamic"], "rank": 3, "epochs": 0},
    {"method": "int8-dynamic"},
    {"method": "fp16"},
    {"method": ["pruned", "bf16"], "structure": "neurons", "epochs": 0},
)


@pytest.mark.parametrize("params", OF_NETWORKS, ids=json.dumps)
def test_copies_of_an_encoder(
    params: dict[str, Any], encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers that are smaller, factored, or in other numbers are made again before the numbers are read."""
    context = LoadContext(folder=tmp_path, classes=("neg", "pos"), env={}, trial=True)
    asked = [one.input for one in sentences(20, seed=9)]
    kept_as_it_was(copy_of(tuned(encoder), **params), context, sentences(60), asked, monkeypatch)


@pytest.mark.parametrize("params", [{"method": "pruned", "epochs": 1}, {"method": "int8-static"}], ids=json.dumps)
def test_copies_of_a_network_of_pictures(
    params: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = painted(tmp_path, 12)
    learned = [Example(name, name, name.split("/")[0], input_hash=name) for name in names]
    small: dict[str, JSON] = {"size": 8, "channels": [16, 16], "epochs": 2, "batch_size": 8}
    parent = Candidate(name="net", kind="image-cnn", params=small)
    context = LoadContext(
        folder=tmp_path, task_kind="image-classification", classes=("blue", "red"), env={}, trial=True
    )
    kept_as_it_was(copy_of(parent, **params), context, learned, names[:5], monkeypatch)


@pytest.mark.parametrize(
    "parent", [LINEAR, estimator("linear_model.LogisticRegression"), estimator("svm.LinearSVC")], ids=lambda one: one.id
)
def test_copies_of_estimators_of_texts(parent: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What prepares texts is kept beside the graph; accents and scripts are read as before."""
    context = LoadContext(folder=tmp_path, classes=("neg", "pos"), env={}, trial=True)
    asked = ["Good GOOD good, film!", "Sád très bàd", "日本 bad film", "", *(one.input for one in sentences(9, seed=9))]
    kept_as_it_was(copy_of(parent, method="onnx"), context, sentences(60), asked, monkeypatch)


@pytest.mark.parametrize("name", ["ensemble.RandomForestClassifier", "ensemble.RandomForestRegressor"])
def test_copies_of_estimators_of_columns(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps that stay in scikit-learn are kept as its estimators are."""
    numbers = name.endswith("Regressor")
    kind = "regression" if numbers else "classification"
    context = LoadContext(
        folder=tmp_path, task_kind=kind, classes=() if numbers else ("neg", "pos"), env={}, trial=True
    )
    learned = table(60, numbers=numbers)
    recipe = copy_of(estimator(name, n_estimators=5), method="onnx")
    kept_as_it_was(recipe, context, learned, [one.input for one in learned[:9]], monkeypatch)


def test_what_was_made_in_another_way_is_refused(encoder: Path, tmp_path: Path) -> None:
    """Layers of other sizes, of another method, or of another parent."""
    context = LoadContext(folder=tmp_path, classes=("neg", "pos"), env={}, trial=True)
    pruned: Any = load(copy_of(tuned(encoder), method="pruned", share=0.5, epochs=0), context)
    pruned.fit(sentences(60))
    (tmp_path / "kept").mkdir()
    pruned.keep(tmp_path / "kept")
    for other in (copy_of(tuned(encoder), method="onnx"), copy_of(LINEAR, method="onnx")):
        with pytest.raises(CandidateError):
            load(other, context).restore(tmp_path / "kept")  # type: ignore[attr-defined]
    layers = json.loads((tmp_path / "kept" / "layers.json").read_text())
    for changed in ({"name": "gone"}, {"sizes": [3, 3]}, {"sizes": [1]}):
        broken = [{**layer, **changed} if layer["what"] == "linear" else layer for layer in layers["layers"]]
        (tmp_path / "kept" / "layers.json").write_text(json.dumps({**layers, "layers": broken}))
        with pytest.raises(CandidateError):
            load(copy_of(tuned(encoder), method="pruned"), context).restore(tmp_path / "kept")  # type: ignore[attr-defined]
