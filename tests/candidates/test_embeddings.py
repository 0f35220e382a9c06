"""Sentence embeddings from the real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merits.candidates.sentence_embeddings import DEFAULT_MODEL, Embedder, embedder, model_files
from merits.core.errors import CandidateError

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


def test_remembered_vectors_are_the_same_as_fresh_ones(model: Embedder) -> None:
    """What a head is trained on must be what it is asked with."""
    texts = ["one", "two", "one"]
    assert model.embed_cached(texts) == pytest.approx(model.embed(texts), abs=1e-6)


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
