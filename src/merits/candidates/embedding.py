"""Answers with where a text lies, not with what it asks for: a part that a router looks at before it asks another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.imports import versions
from merits.candidates.registry import LoadContext
from merits.candidates.routing.vectors import packed_vector
from merits.candidates.sentence_embeddings import DEFAULT_MODEL, Embedder, embedder, model_files
from merits.candidates.texts import as_text, is_messages
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.media.files import file_hash
from merits.media.weights import Sha256

__all__ = ["Params", "load"]

READS: tuple[Reads, ...] = ("text", "columns")
ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The sentence embedding of a text by a local model: what a router looks at. Solves nothing by itself."""

    model: Annotated[
        str,
        msgspec.Meta(description="Name of a fetched model, or path to a folder with model.onnx and tokenizer.json."),
    ] = DEFAULT_MODEL
    sha256: Sha256 = ""


def load(params: Params, context: LoadContext) -> Model:
    """A model that answers with a vector as text (`routing.vectors`), or with a list of them to a list of texts.

    Needs the extra `embeddings` and a model on disk. Reads the first 256 tokens of a text.
    """
    files = model_files(params.model, context.folder, context.env, params.sha256)
    model = embedder(*files)
    found = [[file_hash(file) for file in files], versions("onnxruntime", "tokenizers")]
    return Batcher.each(
        lambda input: Answer(_embedded(model, input)),
        fingerprint=content_hash(["embedding 1", *found]),
        timeout_s=context.timeout_s,
        weights=model.weights,
    )


def _embedded(model: Embedder, input: JSON) -> JSON:
    several = isinstance(input, Sequence) and not isinstance(input, str) and not is_messages(input)
    texts = [as_text(each) for each in input] if several and isinstance(input, Sequence) else [as_text(input)]
    packed: list[JSON] = [packed_vector(vector) for vector in model.embed(texts)]
    return packed if several else packed[0]
