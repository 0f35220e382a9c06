"""Sentence embeddings from a local neural model, and a linear classifier on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

from merits.candidates.features import Reader
from merits.candidates.imports import versions
from merits.candidates.learner import Learner, learning_model
from merits.candidates.linear_head import linear_head
from merits.candidates.registry import LoadContext, Space
from merits.candidates.scikit_learn import RawTexts
from merits.candidates.sentence_embeddings import DEFAULT_MODEL, Embeddings, embedder, known_embeddings, model_files
from merits.core.doors import Model
from merits.core.identity import content_hash
from merits.core.kinds import Reads
from merits.media.files import file_hash
from merits.media.weights import Sha256

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["SPACE", "Params", "load"]

READS: tuple[Reads, ...] = ("text", "columns")
ON_PREMISES = True
SPACE: Space = {"strength": {"low": 0.03, "high": 1000.0, "log": True}, "balanced": [False, True]}


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Sentence embeddings from a local model with logistic regression, trained on the dev split."""

    model: Annotated[
        str,
        msgspec.Meta(description="Name of a fetched model, or path to a folder with model.onnx and tokenizer.json."),
    ] = DEFAULT_MODEL
    sha256: Sha256 = ""
    strength: Annotated[
        float, msgspec.Meta(gt=0, description="Inverse of the regularisation (C): larger fits the examples closer.")
    ] = 10.0
    balanced: Annotated[
        bool, msgspec.Meta(description="Weigh rare classes up, as if all classes were equally common.")
    ] = False


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier of texts by their embeddings; tabular inputs are embedded as `column: value` lines.

    Needs the extra `embeddings` and a model on disk. Reads the first 256 tokens of a text.
    """
    files = model_files(params.model, context.folder, context.env, params.sha256)
    model = embedder(*files)
    known = known_embeddings(model, context)
    embeddings = Embeddings(known)
    fingerprint = content_hash(
        [
            "embeddings-linear 1",
            [file_hash(file) for file in files],
            versions("sklearn", "onnxruntime", "tokenizers"),
            context.seed,
        ]
    )

    def build(reader: Reader, rows: Sequence[object]) -> Pipeline:
        from sklearn.pipeline import make_pipeline

        head = linear_head(strength=params.strength, balanced=params.balanced, seed=context.seed)
        return make_pipeline(embeddings, head)

    learner = Learner(lambda inputs: RawTexts(), build, needs_classes=True, outside=embeddings)
    # One text at a time: whoever asks for one waits for one, and of few texts hardly two have the same length.
    return learning_model(
        learner,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        batch_size=1,
        weights=model.weights,
        closing=known.close,
    )
