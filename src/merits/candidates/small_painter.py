"""A small model that draws for a text, trained here on pictures with captions (torch, the extra `torch`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.batcher import Batcher
from merits.candidates.captioned import Captioned, captioned
from merits.candidates.checkpoints import KeepsCheckpoints, checkpoint_of
from merits.candidates.imports import versions
from merits.candidates.keeping import keep_estimator, keep_json, keep_network, kept_estimator, kept_json, take_network
from merits.candidates.kept_pictures import DRAWN, PicturesFolder, keep_picture
from merits.candidates.memory import weights_of
from merits.candidates.painter_network import Painter, seed_of
from merits.candidates.registry import LoadContext
from merits.candidates.sentence_embeddings import embedder, model_files
from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.finding import Media
from merits.media.pictures import needs_pillow, png_of, read_picture
from merits.media.weights import Sha256

__all__ = ["READS", "Params", "load"]

ON_PREMISES = True

READS: tuple[Reads, ...] = ("text",)
_NETWORK, _FEATURES, _READER = "network.safetensors", "features.json", "reader.skops"
_SAVE_EVERY = 5  # epochs
_WORDS = 64  # dimensions of a text without an embedding model


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A conditional variational autoencoder that draws for a text, trained on the pictures of dev."""

    size: Annotated[Literal[16, 32, 64], msgspec.Meta(description="Pixels a side.")] = 32
    epochs: Annotated[int, msgspec.Meta(ge=1, description="How often every picture is seen in training.")] = 60
    model: Annotated[
        str,
        msgspec.Meta(
            description="How captions are read: tfidf, or the name of a fetched embedding model, or its folder."
        ),
    ] = "tfidf"
    sha256: Sha256 = ""
    variety: Annotated[
        float, msgspec.Meta(ge=0, le=2, description="How far drawings of one caption differ; 0: not at all.")
    ] = 0.7
    pictures: PicturesFolder = DRAWN
    checkpoints: KeepsCheckpoints = True

    def __post_init__(self) -> None:
        if self.model == "tfidf" and self.sha256:
            raise ValueError("sha256 is that of an embedding model's file, and tfidf has none")


def load(params: Params, context: LoadContext) -> Model:
    """A trainable model that draws square pictures; on the GPU where there is one, else with one thread.

    A caption is always drawn alike, by the task's seed. Training is kept every few epochs and goes on where it was
    interrupted; what was trained to the end is not trained again. Needs the extra `torch`.
    """
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "text-to-image-small needs torch, which is not installed.", "Install it: pip install 'merits[torch]'"
        ) from None
    files = () if params.model == "tfidf" else model_files(params.model, context.folder, context.env, params.sha256)
    needs_pillow()
    fingerprint = content_hash(
        ["text-to-image-small 1", [file_hash(file) for file in files], versions("torch", "sklearn"), context.seed]
    )
    model = _SmallPainter(params, context, embedder(*files) if files else None, fingerprint)
    return Batcher.each(
        model.answer,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        fit=model.fit,
        keeping=model,
        close=model.close,
        weights=weights_of(model.embedder),
    )


class _SmallPainter:
    def __init__(self, params: Params, context: LoadContext, texts: Any, fingerprint: str) -> None:
        self._params, self._context, self._fingerprint = params, context, fingerprint
        self.embedder = texts
        self._reader: Any = None
        self._painter: Painter | None = None

    def fit(self, examples: Sequence[Example]) -> None:
        """Trains, from where training of the same was left."""
        params = self._params
        pairs = captioned(examples, Media.of(self._context))
        texts = self._read(pairs)
        painter = Painter(params.size, texts.shape[1], self._context.seed)
        checkpoint = checkpoint_of(self._context, "painter", self._name(pairs), kept=params.checkpoints)
        if checkpoint is not None and (state := checkpoint.load("cpu")) is not None:
            painter.go_on_from(state)

        def keep() -> None:
            if checkpoint is not None and (painter.epoch % _SAVE_EVERY == 0 or painter.epoch == params.epochs):
                checkpoint.save(painter.state())

        if painter.epoch < params.epochs:
            pictures = np.stack([_pixels(file, params.size) for _, file in pairs])
            painter.train(pictures, texts, params.epochs, keep)
        self._painter = painter

    def keep(self, folder: Path) -> None:
        """Writes the network's numbers and what reads captions."""
        if self._painter is None:
            raise RuntimeError("kept before it was fitted")
        keep_network(self._painter.network, folder / _NETWORK)
        keep_json(self._painter.n_features, folder / _FEATURES)
        if self._reader is not None:
            keep_estimator(self._reader, folder / _READER)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        painter = Painter(self._params.size, kept_json(folder / _FEATURES, int), self._context.seed)
        take_network(painter.network, folder / _NETWORK)
        painter.network.eval()
        if self.embedder is None:
            self._reader = kept_estimator(folder / _READER)
        self._painter = painter

    def answer(self, input: JSON) -> Answer:
        """The picture, kept."""
        if self._painter is None:
            raise RuntimeError("asked before it was fitted")
        from PIL import Image

        text = as_text(input)
        drawn = self._painter.draw(self._vectors([text])[0], seed_of(self._context.seed, text), self._params.variety)
        return Answer(keep_picture(png_of(Image.fromarray(drawn)), self._context.folder, self._params.pictures))

    def close(self) -> None:
        """Frees the network."""
        self._painter = None

    def _read(self, pairs: Sequence[Captioned]) -> NDArray[np.float32]:
        """The vectors of the captions; learns what the words are where there is no embedding model."""
        captions = [caption for caption, _ in pairs]
        if self.embedder is not None:
            return self._vectors(captions)
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline

        words = TfidfVectorizer(sublinear_tf=True, strip_accents="unicode", token_pattern=r"(?u)\b\w+\b")
        n_words = words.fit_transform(captions).shape[1]
        n_kept = max(1, min(_WORDS, n_words - 1, len(captions) - 1))
        self._reader = make_pipeline(words, TruncatedSVD(n_kept, random_state=self._context.seed)).fit(captions)
        return self._vectors(captions)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors whose entries are of the order of 1."""
        found = self.embedder.embed(texts) if self.embedder is not None else self._reader.transform(texts)
        return np.asarray(found * np.sqrt(found.shape[1]), np.float32)

    def _name(self, pairs: Sequence[Captioned]) -> str:
        """What training depends on."""
        params = msgspec.to_builtins(self._params)
        told = {name: value for name, value in params.items() if name not in ("pictures", "checkpoints", "variety")}
        return content_hash([self._fingerprint, told, [[text, file_hash(file)] for text, file in pairs]])[:32]


def _pixels(file: Any, size: int) -> NDArray[np.uint8]:
    from PIL import ImageOps

    return np.asarray(ImageOps.pad(read_picture(file), (size, size), color="white"), np.uint8)
