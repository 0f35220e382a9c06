"""What is refused of a model's folder before anything in it is read, and what the refusal says."""

from __future__ import annotations

import hashlib
import json
import pickle
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError
from merits.media.weights import ModelFolder, find_file, model_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    numpy = pytest.importorskip("safetensors.numpy")
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "bert"}')
    numpy.save_file({"a": np.zeros((2, 3), np.float32)}, model / "model.safetensors")
    return model


def opened(folder: Path, **options: object) -> ModelFolder:
    return model_folder(folder.name, LoadContext(folder=folder.parent, env={}), **options)  # type: ignore[arg-type]


def refusal(folder: Path, **options: object) -> str:
    with pytest.raises(CandidateError) as refused:
        opened(folder, **options)
    return str(refused.value)


def hash_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_whole_folder_is_taken_and_its_fingerprint_changes_with_any_file_that_is_read(folder: Path) -> None:
    found = opened(folder)
    assert ([folder / "model.safetensors"], False) == (list(found.weights), found.is_pickled)
    before = found.fingerprint
    (folder / "README.md").write_text("words")
    assert before == found.fingerprint
    (folder / "tokenizer_config.json").write_text("{}")
    assert before != found.fingerprint


def test_pickled_weights_are_refused_unless_they_are_allowed(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    assert "pickled weights (pytorch_model.bin)" in refusal(folder)
    assert "allow_pickle: true" in refusal(folder)
    assert opened(folder, allow_pickle=True).is_pickled


def test_pickled_weights_beside_safetensors_are_left_alone_but_not_those_of_a_part(folder: Path) -> None:
    """transformers reads the safetensors where both are there; a part of a pipeline is read by itself."""
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    assert not opened(folder).is_pickled
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    assert "2_Dense/pytorch_model.bin" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not in the safetensors format"),
        (b"\x80\x04" + b"0" * 40, "not in the safetensors format"),
        (b"\x10" + bytes(7) + b"[1, 2, 3, 4, 56]" + bytes(30), "not in the safetensors format"),
        (b"\xff" * 64, "not in the safetensors format"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(folder: Path, content: bytes, said: str) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert said in refusal(folder)


def test_a_file_that_was_cut_is_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    assert "its header speaks of" in refusal(folder)


def test_hashes_are_checked_when_they_are_given(folder: Path) -> None:
    right = hash_of(folder / "model.safetensors")
    assert opened(folder, sha256=right.upper())
    assert f"has the SHA-256 {right}, not {'0' * 64}" in refusal(folder, sha256="0" * 64)
    assert "other.safetensors is not there" in refusal(
        folder, sha256={"model.safetensors": right, "other.safetensors": right}
    )
    (folder / "more.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert "Write a mapping" in refusal(folder, sha256=right)
    assert "says nothing of more.safetensors" in refusal(folder, sha256={"model.safetensors": right})
    assert opened(folder, sha256={"model.safetensors": right, "more.safetensors": right})


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-2.safetensors"}}))
    assert "lacks model-2.safetensors" in refusal(folder)
    (folder / "config.json").write_text("{")
    assert "config.json is no JSON" in refusal(folder)
    (folder / "config.json").unlink()
    assert "has no config.json" in refusal(folder)
    assert "is not there (looked for" in refusal(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    assert "holds no weights" in refusal(tmp_path / "empty")
    with pytest.raises(CandidateError, match="is no file"):
        find_file("model", LoadContext(folder=tmp_path, env={}))


def test_a_folder_that_a_library_cannot_open_is_a_clear_error_without_a_network(folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    (folder / "config.json").write_text('{"model_type": "of another age"}')
    with pytest.raises(CandidateError, match="cannot be opened as AutoModel"):
        opened(folder).open(transformers.AutoModel)
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "evil.Model"}}')
    (folder / "evil.py").write_text("raise SystemExit('was run')")
    with pytest.raises(CandidateError, match="cannot be opened as AutoModel"):
        opened(folder).open(transformers.AutoModel)


def test_models_are_opened_one_after_the_other(tmp_path: Path) -> None:
    """transformers imports the class of a model when it is opened, and threads that do so at once find half of it."""
    inside, most = 0, 0

    class Loader:
        @staticmethod
        def from_pretrained(path: str, **options: object) -> str:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1
            return path

    folder = ModelFolder(tmp_path, (), is_pickled=False)
    threads = [threading.Thread(target=folder.open, args=(Loader,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
