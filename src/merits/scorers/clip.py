"""How well a picture fits its caption, by a CLIP-type model: the cosine of their embeddings (CLIPScore)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import DataError, TaskError, UsageError
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Score
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.finding import Media
from merits.media.pictures import read_picture
from merits.scorers.reading import CannotJudge, text_of, wrong
from merits.scorers.seen import answered_picture

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
    sha256: Annotated[str, msgspec.Meta(description="If given, model.safetensors must have this SHA-256.")] = ""
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

    Raises UsageError without the package transformers, TaskError where the folder holds no such model.
    """
    media, weights = Media([*data_folders, folder]), _weights(folder, params.model)
    if params.sha256 and file_hash(weights) != params.sha256.lower():
        raise TaskError(
            f"clip: {weights} has the SHA-256 {file_hash(weights)}, not {params.sha256}.", "Fetch it again."
        )
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as problem:
        raise UsageError(
            f"The scorer clip needs the package {problem.name}.", "pip install 'merits[transformers]'"
        ) from None

    def score(example: Example, answer: Answer) -> Score:
        file = answered_picture(answer, media)
        if file is None:
            return wrong("no picture")
        try:
            picture = read_picture(file)
        except DataError as problem:
            raise CannotJudge(str(problem)) from None
        cosine = _opened(weights.parent, file_hash(weights)).cosine(_caption(example.input, params.column), picture)
        return Score(min(max(cosine, 0.0), 1.0), cosine >= params.solved_from, f"cosine {cosine:.3f}")

    return score


def fingerprint(params: Params, *, folder: Path) -> str:
    """The weights."""
    return content_hash(file_hash(_weights(folder, params.model)))


def _weights(folder: Path, model: str) -> Path:
    place = folder / model
    weights = place / "model.safetensors"
    if not weights.is_file() or not (place / "config.json").is_file():
        raise TaskError(
            f"clip: {place} holds no config.json with model.safetensors.",
            "Name a folder with a CLIP-type model; pickled weights (.bin) can run code and are not read.",
        )
    return weights


def _caption(input: JSON, column: str) -> str:
    if not column:
        return text_of(input)
    if not isinstance(input, dict) or column not in input:
        raise CannotJudge(f"the input has no column {column!r}")
    return text_of(input[column])


@lru_cache(maxsize=1)
def _opened(folder: Path, content: str) -> _Model:
    return _Model(folder)


class _Model:
    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        here = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._model: Any = AutoModel.from_pretrained(str(folder), use_safetensors=True, **here).eval()
            self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), **here)
            self._processor: Any = cast(Any, AutoImageProcessor).from_pretrained(str(folder), backend="pil", **here)
        except (OSError, ValueError, KeyError, RuntimeError) as problem:
            raise CannotJudge(f"{folder} cannot be opened as a CLIP-type model: {str(problem)[:200]}") from None
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
