"""The picture of the training example whose caption is nearest: the baseline that anything that draws must beat."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from merits.candidates.batcher import Batcher
from merits.candidates.captioned import captioned
from merits.candidates.imports import versions
from merits.candidates.keeping import keep_arrays, keep_estimator, keep_json, kept_arrays, kept_estimator, kept_json
from merits.candidates.kept_pictures import DRAWN, PicturesFolder, keep_picture
from merits.candidates.memory import Weights, weights_of
from merits.candidates.registry import LoadContext
from merits.candidates.sentence_embeddings import embedder, known_embeddings, model_files
from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.finding import Media
from merits.media.weights import Sha256

__all__ = ["READS", "Params", "load"]

READS: tuple[Reads, ...] = ("text",)

ON_PREMISES = True
_CAPTIONS, _WORDS, _SIZES, _PICTURES = "captions.npz", "words.skops", "pictures.json", "pictures"


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The picture whose caption is nearest, by words (TF-IDF) or by a local embedding model, among those of dev."""

    model: Annotated[
        str,
        msgspec.Meta(
            description="What captions are compared by: tfidf, or the name of a fetched embedding model, or its folder."
        ),
    ] = "tfidf"
    sha256: Sha256 = ""
    pictures: PicturesFolder = DRAWN

    def __post_init__(self) -> None:
        if self.model == "tfidf" and self.sha256:
            raise ValueError("sha256 is that of an embedding model's file, and tfidf has none")


def load(params: Params, context: LoadContext) -> Model:
    """A trainable model that draws nothing: it answers with a copy of a picture that it was shown.

    Of equally near captions the first in the data counts.
    """
    if params.model == "tfidf":
        return _batcher(_Nearest(params, context, None), context, versions("sklearn"))
    files = model_files(params.model, context.folder, context.env, params.sha256)
    found = [*(file_hash(file) for file in files), versions("onnxruntime", "tokenizers")]
    return _batcher(_Nearest(params, context, files), context, found)


def _batcher(model: _Nearest, context: LoadContext, made_of: object) -> Batcher:
    return Batcher.each(
        model.answer,
        fingerprint=content_hash(["nearest-caption 1", made_of]),
        timeout_s=context.timeout_s,
        fit=model.fit,
        keeping=model,
        close=model.close,
        weights=model.weights,
    )


class _Nearest:
    """Captions as vectors of length 1 (rows), and the picture of each."""

    def __init__(self, params: Params, context: LoadContext, files: tuple[Path, Path] | None) -> None:
        self._within, self._folder, self._media = params.pictures, context.folder, Media.of(context)
        self._embedder = embedder(*files) if files else None
        self._known = None if self._embedder is None else known_embeddings(self._embedder, context)
        self._words: Any = None
        self._captions: Any = None
        self._files: list[Path] = []

    @property
    def weights(self) -> Weights | None:
        """Those of the embedding model, if there is one."""
        return weights_of(self._embedder)

    def close(self) -> None:
        """Forgets the captions."""
        self._words = self._captions = None
        self._files = []
        if self._known is not None:
            self._known.close()

    def fit(self, examples: Sequence[Example]) -> None:
        """Remember the captions."""
        pairs = captioned(examples, self._media)
        captions = [caption for caption, _ in pairs]
        if self._known is None:
            from sklearn.feature_extraction.text import TfidfVectorizer

            self._words = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True).fit(captions)
            self._captions = self._words.transform(captions)
        else:
            self._captions = self._known(captions, True)
        self._files = [file for _, file in pairs]

    def keep(self, folder: Path) -> None:
        """Writes the captions' vectors, what counts their words, and the pictures."""
        if self._captions is None:
            raise RuntimeError("kept before it was fitted")
        keep_arrays({"captions": self._captions}, folder / _CAPTIONS)
        if self._words is not None:
            keep_estimator(self._words, folder / _WORDS)
        pictures = folder / _PICTURES
        pictures.mkdir()
        sizes = {f"{number}{file.suffix.lower()}": file.stat().st_size for number, file in enumerate(self._files)}
        for file, name in zip(self._files, sizes, strict=True):
            shutil.copyfile(file, pictures / name)
        keep_json(sizes, folder / _SIZES)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote; the pictures stay there."""
        captions = kept_arrays(folder / _CAPTIONS).get("captions")
        sizes = {
            folder / _PICTURES / Path(name).name: n for name, n in kept_json(folder / _SIZES, dict[str, int]).items()
        }
        words = kept_estimator(folder / _WORDS) if self._known is None else None
        if captions is None or captions.shape[0] != len(sizes) or not (words is None or hasattr(words, "transform")):
            raise CandidateError("the kept files are of another candidate.", "Release it anew: merits release")
        broken = next((file for file, n in sizes.items() if not file.is_file() or file.stat().st_size != n), None)
        if broken is not None:
            raise CandidateError(f"the picture {broken.name} is not whole.", "Release it anew: merits release")
        self._words, self._captions, self._files = words, captions, list(sizes)

    def answer(self, input: JSON) -> Answer:
        """The picture of the nearest caption."""
        if self._captions is None:
            raise RuntimeError("asked before it was fitted")
        text = as_text(input)
        asked = self._words.transform([text]) if self._known is None else self._known([text], False)
        near = self._captions @ asked.T
        nearest = int(np.argmax(near.toarray() if hasattr(near, "toarray") else near))
        return Answer(keep_picture(self._files[nearest].read_bytes(), self._folder, self._within))
