"""Sentence embeddings from the real model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from merits.candidates.feature_store import FeatureStore
from merits.candidates.registry import LoadContext, load
from merits.candidates.routing.vectors import vector_in, vectors_in
from merits.candidates.sentence_embeddings import DEFAULT_MODEL, Embedder, Map, embedder, known_embeddings, model_files
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.task import Example

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model() -> Embedder:
    pytest.importorskip("onnxruntime")
    try:
        return embedder(*model_files(DEFAULT_MODEL, ROOT, {}))
    except CandidateError:
        pytest.skip("the embedding model is not there; fetch it with `make assets`")


def test_texts_of_one_meaning_are_near_each_other(model: Embedder) -> None:
    """0.83 and 0.10 with the published model; a wrong tokenizer or pooling would put all near 0.5."""
    vectors = model.embed(["A man is eating food.", "A man is eating a meal.", "The stock market fell sharply."])
    assert float(vectors[0] @ vectors[1]) > 0.75
    assert float(vectors[0] @ vectors[2]) < 0.2


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(model: Embedder) -> None:
    """Padding that leaks into the mean would change a short text beside a long one."""
    texts = ["short", "", "a much longer sentence about nothing in particular " * 30]
    together = model.embed(texts)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    assert together == pytest.approx(np.concatenate([model.embed([text]) for text in texts]), abs=1e-6)


def test_remembered_vectors_are_the_same_as_fresh_ones(model: Embedder, tmp_path: Path) -> None:
    """What a head is trained on must be what it is asked with, in another process too."""
    texts = ["one", "two", "one"]
    known = known_embeddings(model, LoadContext(folder=tmp_path, env={}))
    fresh = model.embed(texts)
    assert known(texts, True) == pytest.approx(fresh, abs=1e-6)
    kept = FeatureStore(tmp_path / ".merits" / "features.sqlite", model.fingerprint).get(map(content_hash, texts))
    assert np.stack([kept[content_hash(text)] for text in texts]) == pytest.approx(fresh, abs=1e-6)


def test_a_missing_model_names_the_places_and_the_command(tmp_path: Path) -> None:
    """The next step can be copied."""
    with pytest.raises(CandidateError, match=r"'no-such-model' is not there.*make assets"):
        model_files("no-such-model", tmp_path, {"MERITS_ASSETS": str(tmp_path)})


def test_a_folder_beside_the_task_is_found(tmp_path: Path) -> None:
    """A user's own model needs no assets folder."""
    (tmp_path / "mine").mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / "mine" / name).write_bytes(b"")
    found = model_files("mine", tmp_path, {})
    assert found == (tmp_path / "mine" / "model.onnx", tmp_path / "mine" / "tokenizer.json")
    assert model_files("mine/model.onnx", tmp_path, {}) == found


def test_a_model_is_read_by_the_first_text_and_again_after_it_was_freed(model: Embedder) -> None:
    found = model_files(DEFAULT_MODEL, ROOT, {})
    model = Embedder(*found)
    assert model._session is None
    before = model.embed(["a text"])
    model.weights.free()
    assert model._session is None
    assert (model.embed(["a text"]) == before).all()
    assert model.weights.shared
    assert model.weights.n_bytes == found[0].stat().st_size


def test_any_estimator_stands_on_embeddings_and_embeds_each_text_once_for_all_of_them(
    model: Embedder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Trials and folds share what was embedded; only answers are embedded anew, so that they take what they take."""
    embedded: list[str] = []
    vectors = Embedder._vectors

    def counted(self: Embedder, texts: Sequence[str], run: Map) -> NDArray[np.float32]:
        embedded.extend(texts)
        return vectors(self, texts, run)

    monkeypatch.setattr(Embedder, "_vectors", counted)
    rows = [Example(f"e{i}", f"a {('good', 'bad')[i % 2]} day, the {i}th by my count", i % 2) for i in range(40)]
    context = LoadContext(folder=tmp_path, task_kind="classification", env={})
    for path, params in (
        ("sklearn.svm.SVC", {"C": 1.0}),
        ("sklearn.svm.SVC", {"C": 10.0}),
        ("sklearn.linear_model.LogisticRegression", {}),
    ):
        for fold in range(5):
            recipe = {"estimator": path, "params": params, "features": "embeddings"}
            learner = load(Candidate(name="a", kind="sklearn", params=recipe), context)
            assert isinstance(learner, Trainable)
            learner.fit([one for i, one in enumerate(rows) if i % 5 != fold])
            answer = asyncio.run(learner.answer("it was a good day"))
            assert answer.output == 0
    assert sorted(one for one in embedded if one != "it was a good day") == sorted(str(one.input) for one in rows)


def test_an_embedding_as_an_answer_is_the_vector(model: Embedder) -> None:
    """In half precision; of a list of texts that of each; a task's columns as `column: value` lines."""
    candidate = load(Candidate(name="where", kind="embedding"), LoadContext(folder=ROOT))

    async def ask(*inputs: JSON) -> list[Answer]:
        answers = [await candidate.answer(input) for input in inputs]
        await candidate.close()
        return answers

    one, columns, several = asyncio.run(ask("a cat", {"animal": "cat"}, ["a cat", "a dog"]))
    vector, of_columns = vector_in(one), vector_in(columns)
    assert vector is not None
    assert of_columns is not None
    assert vector == pytest.approx(model.embed(["a cat"])[0], abs=2e-4)
    assert of_columns == pytest.approx(model.embed(["animal: cat"])[0], abs=2e-4)
    assert vectors_in(several) == pytest.approx(model.embed(["a cat", "a dog"]), abs=2e-4)
    assert vector_in(several) is None
    assert one.usage.machine_s > 0.0
