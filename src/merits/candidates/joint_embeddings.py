"""Embeddings of text, features of pictures and further columns side by side, and one linear classifier on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.features import Reader, words
from merits.candidates.imports import versions
from merits.candidates.known_vectors import KnownVectors
from merits.candidates.learner import Learner, learning_model
from merits.candidates.linear_head import linear_head
from merits.candidates.memory import Weights, together, weights_of
from merits.candidates.modalities import Modalities, modalities_of
from merits.candidates.picture_vectors import layout_vectors, network_vectors
from merits.candidates.registry import LoadContext, Space, check_columns, holds
from merits.candidates.sentence_embeddings import embedder, known_embeddings, model_files
from merits.core.doors import Model
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.media.backbones import backbone
from merits.media.files import file_hash
from merits.media.finding import Media
from merits.media.picture_features import LAYOUT_VERSION
from merits.media.pictures import needs_pillow
from merits.media.weights import Sha256

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["READS", "SPACE", "Params", "load"]

ON_PREMISES = True
SPACE: Space = {"strength": {"low": 0.03, "high": 1000.0, "log": True}, "balanced": [False, True]}

READS: tuple[Reads, ...] = ("text", "picture", "columns")
_LAYOUT = "layout"
_WORDS = 2048  # columns that words are hashed into
_TOGETHER = 8  # inputs that are answered at a time


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Text, pictures and columns as numbers with one logistic regression, trained on the dev split."""

    columns: Annotated[
        tuple[str, ...], msgspec.Meta(description="Read these columns of the input only; left out, all of them.")
    ] = ()
    text: Annotated[
        str,
        msgspec.Meta(description="How texts are read: words, or the name of a fetched embedding model, or its folder."),
    ] = "words"
    text_sha256: Sha256 = ""
    picture: Annotated[
        str,
        msgspec.Meta(
            description="How pictures are read. layout: colours and edges by place. efficientnet-lite0 (extra "
            "`backbone`), or a folder with a model in the Hugging Face format: what a trained network makes of them."
        ),
    ] = _LAYOUT
    picture_sha256: Annotated[str, msgspec.Meta(description="If given, the SHA-256 of the pictures' weights.")] = ""
    strength: Annotated[
        float, msgspec.Meta(gt=0, description="Inverse of the regularisation (C): larger fits the examples closer.")
    ] = 10.0
    balanced: Annotated[
        bool, msgspec.Meta(description="Weigh rare classes up, as if all classes were equally common.")
    ] = False

    def __post_init__(self) -> None:
        for name, plain in (("text", "words"), ("picture", _LAYOUT)):
            if getattr(self, name) == plain and getattr(self, f"{name}_sha256"):
                raise ValueError(f"{name}_sha256 is that of a model's file, and {plain} has none")


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier of inputs that hold several things at once.

    A column whose cells name pictures is read as pictures, one of many different texts as text, any other as in a
    table. A cell that is missing says nothing (zeros, where everything is centred): the others decide.
    """
    files = () if params.text == "words" else model_files(params.text, context.folder, context.env, params.text_sha256)
    check_columns(params.columns, context)
    if "picture" in (holds(context) if context.named is None else context.named):
        needs_pillow()
    model = embedder(*files) if files else None
    texts = _hashed if model is None else known_embeddings(model, context, together=_TOGETHER)
    media = Media.of(context)

    def build(reader: Reader, rows: Sequence[object]) -> Pipeline:
        from sklearn.pipeline import make_pipeline

        encoder = reader.encoder(rows, words, sparse=False, seed=context.seed)
        head = linear_head(strength=params.strength, balanced=params.balanced, seed=context.seed)
        return make_pipeline(encoder, head)

    network = None if params.picture == _LAYOUT else backbone(params.picture, None, params.picture_sha256, context)
    pictures = layout_vectors(context, _TOGETHER) if network is None else network_vectors(network, context, _TOGETHER)
    version = LAYOUT_VERSION if network is None else network.fingerprint
    packages = versions("sklearn", "PIL", *([] if network is None else ["torch"]))
    made_of = [version, [file_hash(file) for file in files], packages, context.seed]

    def reader_of(inputs: Sequence[JSON]) -> Modalities:
        return modalities_of(inputs, media, pictures, texts, only=params.columns)

    learner = Learner(reader_of, build, needs_classes=True)
    fingerprint = content_hash(["joint-embeddings 1", *made_of])
    seeing = None if network is None else Weights(network.n_bytes, network.open, network.close)
    weights = together([weights_of(model), seeing])

    def closing() -> None:
        for known in (pictures, texts):
            if isinstance(known, KnownVectors):
                known.close()

    return learning_model(
        learner,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        batch_size=_TOGETHER,
        weights=weights,
        closing=closing,
    )


def _hashed(texts: Sequence[str], training: bool) -> NDArray[np.float64]:
    """Words and pieces of words, hashed: needs no training, so a text never seen has its place too."""
    from sklearn.feature_extraction.text import HashingVectorizer

    by_pieces = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=_WORDS, alternate_sign=True)
    return np.asarray(by_pieces.transform(texts).toarray(), np.float64)
