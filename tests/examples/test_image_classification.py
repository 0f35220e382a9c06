"""The example of pictures in small: scikit-learn's digits as files, by every candidate that needs no asset."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as reference
from examples import image_classification as example
from examples.fetching import assets_folder
from sklearn.datasets import load_digits

from merits.evaluating import evaluate
from merits.scorers.corpus import metric, rows_of
from merits.store import open_store
from merits.tasks.file import load_task

TASK = """
name: digits
kind: image-classification
data: digits
split: {method: stratified, test: 0.3, seed: 0}
scorers: [label, {kind: top_k, k: 2}]
robustness: {rotation: [3], pixel_noise: [1], sample: 20}
candidates:
  - most-common
  - name: logistic
    kind: sklearn
    estimator: sklearn.linear_model.LogisticRegression
    params: {max_iter: 500}
    pixels: {size: 8, colour: false}
  - name: neighbours
    kind: sklearn
    estimator: sklearn.neighbors.KNeighborsClassifier
    pixels: {size: 8, colour: false}
  - {name: CNN, kind: image-cnn, size: 8, colour: false,
     channels: [8, 16], epochs: 10, batch_size: 16, learning_rate: 0.01, checkpoints: false}
"""


def test_digits_are_told_apart_and_measured_as_scikit_learn_does(tmp_path: Path) -> None:
    """400 digits of 8 x 8 pixels; every figure of the report, beside scikit-learn on the stored answers."""
    pytest.importorskip("torch")
    digits = load_digits()
    example.write((digits.images[:400] * 255 / 16).astype(np.uint8), digits.target[:400], tmp_path / "digits")
    (tmp_path / "merits.yaml").write_text(TASK)
    task = load_task(tmp_path / "merits.yaml")
    with closing(open_store(tmp_path / "store.sqlite")) as store:
        evaluation = asyncio.run(evaluate(task, task.candidates, store=store, env={}))
    assert not evaluation.failed.any()
    plain = evaluation.perturbations == ""
    quality = {name: evaluation.solved[k, plain].mean() for k, name in enumerate(evaluation.names)}
    assert quality["most-common"] < 0.2
    assert min(quality["logistic"], quality["neighbours"]) > 0.85
    assert quality["CNN"] > 0.6
    for k in (1, 2, 3):
        rows = rows_of(evaluation, k)
        assert rows is not None
        assert len(rows.target) == plain.sum(), "what was perturbed is no measure of the task"
        assert rows.probabilities is not None
        wide = rows.probabilities.astype(float)
        shares = wide / wide.sum(axis=1, keepdims=True)
        codes = np.arange(10)
        expected = {
            "accuracy": reference.accuracy_score(rows.target, rows.predicted),
            "macro_f1": reference.f1_score(rows.target, rows.predicted, average="macro"),
            "roc_auc": reference.roc_auc_score(rows.target, np.round(wide, 6), multi_class="ovr", labels=codes),
            "log_loss": reference.log_loss(rows.target, shares, labels=codes),
        }
        for name, value in expected.items():
            assert metric(evaluation, k, name) == pytest.approx(value, abs=1e-5), name
        top = reference.top_k_accuracy_score(rows.target, rows.probabilities, k=2, labels=codes)
        assert evaluation.scores["top_k"][k, plain].mean() == pytest.approx(top)


def test_the_real_digits_are_a_folder_for_each_label(tmp_path: Path) -> None:
    """Where the data was fetched."""
    if not (assets_folder() / "mnist_5k.csv.gz").is_file():
        pytest.skip("its data is not here: python -m examples image_classification fetches it")
    with gzip.open(assets_folder() / "mnist_5k.csv.gz", "rt") as lines:
        assert sum(1 for _ in lines) == 5000
    example.prepare(assets_folder(), tmp_path)
    folders = sorted((tmp_path / "digits").iterdir())
    assert [folder.name for folder in folders] == list("0123456789")
    assert [len(list(folder.glob("*.png"))) for folder in folders] == [500] * 10
