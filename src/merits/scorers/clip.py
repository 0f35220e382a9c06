"""How well a picture fits its caption, by a CLIP-type model: the cosine of their embeddings (CLIPScore)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import CandidateError, DataError, MissingExtra, TaskError
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example
from merits.media.finding import Media
from merits.media.pictures import read_picture
from merits.media.weights import IMPORTING, ModelFolder, Sha256, model_folder
from merits.reading.values import text_of
from merits.scorers.reading import CannotJudge, wrong
from merits.scorers.seen import Here, answered_picture

__all__ = ["Params", "fingerprint", "load"]

READS_FILES = True
_one_at_a_time = threading.Lock()


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which model, what it is shown as the caption, and from where on a picture fits."""

    model: Annotated[
        str,
        msgspec.Meta(
            min_length=1, description="A folder with a CLIP-type model in the Hugging Face format, with safetensors."
        ),
    ]
    sha256: Sha256 = ""
    column: Annotated[
        str, msgspec.Meta(description="The column of the input that is the caption, where it has several.")
    ] = ""
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The cosine from which on a picture fits its caption.")
    ] = 0.25


def load(params: Params, *, classes: tuple[str, ...], folder: Path, data_folders: Sequence[Path] = ()) -> Scorer:
    """A scorer whose value is max(cosine, 0), from 0 to 1, which is a hundredth of CLIPScore.

    Hessel et al. (2021), arXiv 2104.08718, as torchmetrics has it (without the factor 2.5). What a good value is
    differs from model to model: look at it for the right pictures first. Captions are cut at the model's longest text.
    On the GPU where there is one. Opened when first asked; nothing is downloaded, no code of the folder runs, and
    pickled weights are refused.

    Raises MissingExtra without the package transformers, TaskError where the folder holds no such model.
    """
    media, model = Media([*data_folders, folder]), _model_folder(params, folder)
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as problem:
        raise MissingExtra(
            f"the scorer clip needs the package {problem.name}.", "pip install 'merits[transformers]'"
        ) from None

    def score(example: Example, answer: Answer) -> Score:
        file = answered_picture(answer, media)
        if file is None:
            return wrong("no picture")
        try:
            picture = read_picture(file)
        except DataError as problem:
            raise CannotJudge(str(problem)) from None
        cosine = _opened(model, model.fingerprint).cosine(_caption(example.input, params.column), picture)
        return Score(min(max(cosine, 0.0), 1.0), cosine >= params.solved_from, f"cosine {cosine:.3f}")

    return score


def fingerprint(params: Params, *, folder: Path) -> str:
    """The weights, and all else in their folder that is read."""
    return _model_folder(params, folder).fingerprint


def _model_folder(params: Params, folder: Path) -> ModelFolder:
    try:
        return model_folder(params.model, Here(folder), sha256=params.sha256)
    except CandidateError as problem:
        raise TaskError(f"clip: {problem.found}", problem.next_step) from None


def _caption(input: JSON, column: str) -> str:
    if not column:
        return text_of(input)
    if not isinstance(input, dict) or column not in input:
        raise CannotJudge(f"the input has no column {column!r}")
    return text_of(input[column])


@lru_cache(maxsize=1)
def _opened(folder: ModelFolder, content: str) -> _Model:
    try:
        return _Model(folder)
    except CandidateError as problem:
        raise CannotJudge(str(problem)[:300]) from None


class _Model:
    def __init__(self, folder: ModelFolder) -> None:
        import torch

        with IMPORTING:
            from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        self._model: Any = folder.open(AutoModel).eval()
        self._tokenizer: Any = folder.open_tokenizer(AutoTokenizer)
        self._processor: Any = folder.open_tokenizer(AutoImageProcessor, backend="pil")
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(self._device)

    def cosine(self, caption: str, picture: Any) -> float:
        """The cosine of the embeddings of a caption and a picture."""
        import torch

        texts = self._tokenizer([caption], return_tensors="pt", truncation=True, padding=True)
        pixels = self._processor(images=[picture], return_tensors="pt")
        with _one_at_a_time, torch.inference_mode():
            text = _vector(self._model.get_text_features(**texts.to(self._device)))
            image = _vector(self._model.get_image_features(pixels["pixel_values"].to(self._device)))
            return float(torch.nn.functional.cosine_similarity(text, image)[0])


def _vector(features: Any) -> Any:
    """The pooled embedding: transformers 5 wraps it, earlier ones gave it as it is."""
    return getattr(features, "pooler_output", features)
