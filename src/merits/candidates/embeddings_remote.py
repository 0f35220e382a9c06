"""Embeddings from an OpenAI-compatible endpoint (`/v1/embeddings`), and a linear classifier on top."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.completions import usage_told
from merits.candidates.endpoint_params import EndpointParams, endpoint_of
from merits.candidates.features import Reader
from merits.candidates.imports import versions
from merits.candidates.learner import Learner, Predictor
from merits.candidates.linear_head import linear_head
from merits.candidates.meter import AskFailed
from merits.candidates.providers import Endpoint
from merits.candidates.registry import LoadContext
from merits.candidates.scikit_learn import Raw
from merits.candidates.texts import as_text
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Model
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.secrets import shown
from merits.core.task import Example

__all__ = ["Params", "load", "vectors_in"]

READS: tuple[Reads, ...] = ("text", "columns")

RUNS_HERE = False

Vector = NDArray[np.float32]


class Params(EndpointParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Embeddings from an OpenAI-compatible endpoint with logistic regression, trained on the dev split."""

    RESERVED = ("model", "input", "encoding_format")

    strength: Annotated[
        float, msgspec.Meta(gt=0, description="Inverse of the regularisation (C): larger fits the examples closer.")
    ] = 10.0
    balanced: Annotated[
        bool, msgspec.Meta(description="Weigh rare classes up, as if all classes were equally common.")
    ] = False


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier of texts by their embeddings; tabular inputs are embedded as `column: value` lines.

    What it learns from are the embeddings of the texts, which its tutor gives (`Studious`): whoever asks for them may
    keep them. An answer embeds its text itself, so that its latency and its price are those of an answer.
    """
    return _Classifier(params, context, _Embedder(params, endpoint_of(params, params.provider, context)))


class _Embedder:
    """Texts in, unit vectors out; a model like any other, so that the meter keeps its deadline and tries again."""

    concurrency = None

    def __init__(self, params: Params, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.limiter = endpoint.limiter
        self._fixed: dict[str, JSON] = {**params.parameters, "model": params.model}
        self.fingerprint = content_hash([endpoint.base_url, self._fixed])

    async def answer(self, input: JSON) -> Answer:
        """The vectors of a list of texts: each as base64 of its float32 numbers, little-endian."""
        texts = input if isinstance(input, list) else [input]
        reply = await self._endpoint.post("/embeddings", {**self._fixed, "input": texts})
        vectors, told = vectors_in(reply, len(texts))
        return msgspec.structs.replace(told, output=[_packed(vector) for vector in vectors])

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._endpoint.close()


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Reply(msgspec.Struct):
    data: list[_Row]
    model: str | None = None
    system_fingerprint: str | None = None
    usage: dict[str, object] | None = None


def vectors_in(reply: bytes, n_texts: int) -> tuple[Vector, Answer]:
    """The embeddings (texts, dimensions) in a reply, scaled to length 1; and an answer with all else that it tells.

    >>> vectors, told = vectors_in(
    ...     b'{"data": [{"embedding": [3, 4], "index": 0}], "usage": {"prompt_tokens": 2}}', 1)
    >>> vectors.tolist(), told.usage.input_tokens
    ([[0.6000000238418579, 0.800000011920929]], 2)
    """
    try:
        read = msgspec.json.decode(reply, type=_Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        said = shown(reply, 100)
        raise AskFailed(
            Failure("server_error", f"{said!r} holds no embeddings: {problem}"), Usage(unmetered=1)
        ) from None
    usage = usage_told(read.usage)
    rows = sorted(read.data, key=lambda row: row.index)
    if len(rows) != n_texts or len({len(row.embedding) for row in rows}) != 1:
        raise AskFailed(Failure("server_error", f"{len(rows)} embeddings came for {n_texts} texts"), usage)
    vectors = np.array([row.embedding for row in rows], np.float32)
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    told = Answer(usage=usage, model=read.model or "", system_fingerprint=read.system_fingerprint or "")
    return vectors / lengths, told


class _Vectors(Raw):
    """Reads what is a vector already, and texts whose vectors are known."""

    LEARNS_NOTHING = True

    def __init__(self, known: Mapping[str, Vector]) -> None:
        self._known = known

    def row(self, input: JSON) -> object:
        """The vector."""
        return input if isinstance(input, np.ndarray) else self._known[_text(input)]

    def matrix(self, rows: Sequence[object]) -> Sequence[object]:
        """One row for each, shape (texts, dimensions)."""
        matrix: Sequence[object] = np.stack([np.asarray(row) for row in rows])  # type: ignore[assignment]
        return matrix


def _packed(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _unpacked(text: object) -> Vector:
    return np.frombuffer(base64.b64decode(str(text)), "<f4").astype(np.float32)


def _text(input: JSON) -> str:
    return as_text(input) or " "  # an empty text is refused by most


class _Classifier:
    """Embeds over the network, and predicts here."""

    concurrency = None

    def __init__(self, params: Params, context: LoadContext, embedder: _Embedder) -> None:
        self._embedder = embedder
        self.limiter = embedder.limiter
        self._texts: dict[str, Vector] = {}
        self._learner = Learner(lambda inputs: _Vectors(self._texts), _head(params, context.seed), needs_classes=True)
        self.fingerprint = content_hash(
            ["embeddings-remote 1", self._embedder.fingerprint, versions("sklearn"), context.seed]
        )

    @property
    def tutor(self) -> Model:
        """What embeds texts."""
        return self._embedder

    def questions(self, examples: Sequence[Example]) -> Sequence[str]:
        """The texts that it learns from, each once."""
        return list(dict.fromkeys(_text(example.input) for example in examples if example.target is not None))

    def study(self, said: Mapping[str, object]) -> None:
        """Takes the embeddings of texts."""
        self._texts = {text: _unpacked(vector) for text, vector in said.items()}

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn from the texts, whose embeddings it was given in `study`."""
        if any(text not in self._texts for text in self.questions(examples)):
            raise RuntimeError("fitted before it was given the embeddings of the texts (`study`)")
        self._learner.fit(examples)
        self._texts = {}

    def keep(self, folder: Path) -> None:
        """Writes the classifier on top."""
        self._learner.keep(folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        self._learner.restore(folder)

    async def answer(self, input: JSON) -> Answer:
        """The class, with probabilities."""
        embedded = await self._embedder.answer([_text(input)])
        assert isinstance(embedded.output, list)
        (answer,) = self._learner.answer_batch([cast("JSON", _unpacked(embedded.output[0]))])
        if isinstance(answer, Exception):
            raise answer
        told = {name: getattr(embedded, name) for name in ("usage", "model", "system_fingerprint")}
        return msgspec.structs.replace(answer, **told)

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._embedder.close()


def _head(params: Params, seed: int) -> Callable[[Reader, Sequence[object]], Predictor]:
    return lambda reader, rows: linear_head(strength=params.strength, balanced=params.balanced, seed=seed)
