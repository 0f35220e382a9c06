"""A pipeline of the package diffusers (extra `diffusion`), from a folder on disk: Stable Diffusion and its kin."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.imports import versions
from merits.candidates.kept_pictures import DRAWN, PicturesFolder, keep_picture
from merits.candidates.memory import Weights
from merits.candidates.painter_network import seed_of
from merits.candidates.prompts import fill
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.media.pictures import png_of
from merits.media.weights import AllowPickle, ModelFolder, Sha256, model_folder

__all__ = ["READS", "Params", "load"]

READS: tuple[Reads, ...] = ("text",)

ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A text-to-image pipeline of diffusers, from a folder on disk."""

    path: Annotated[
        str, msgspec.Meta(min_length=1, description="The pipeline's folder (with model_index.json), or its name.")
    ]
    prompt: Annotated[
        str, msgspec.Meta(description="What is to be drawn; {input} or {a column's name} stands for the input.")
    ] = "{input}"
    negative_prompt: Annotated[str, msgspec.Meta(description="What is not to be drawn.")] = ""
    steps: Annotated[int, msgspec.Meta(ge=1, le=1000, description="Steps of denoising.")] = 30
    guidance: Annotated[
        float, msgspec.Meta(ge=0, description="How closely the prompt is followed (guidance scale).")
    ] = 7.5
    width: Annotated[int | None, msgspec.Meta(description="Pixels; left out, what the pipeline was trained for.")] = (
        None
    )
    height: Annotated[int | None, msgspec.Meta(description="Pixels; left out, what the pipeline was trained for.")] = (
        None
    )
    sha256: Sha256 = ""
    allow_pickle: AllowPickle = False
    pictures: PicturesFolder = DRAWN


def load(params: Params, context: LoadContext) -> Model:
    """A model that draws, one picture after the other; on the GPU in half precision where there is one.

    The noise that a picture begins with comes from the task's seed and the prompt, so that the same question is drawn
    alike. The pipeline is opened by the first question and released at the end. Nothing is downloaded, no code of the
    folder runs, and only safetensors are read unless `allow_pickle` says otherwise.
    """
    try:
        import diffusers  # noqa: F401
        import torch
    except ImportError as problem:
        raise MissingExtra(
            f"a diffusion pipeline needs {problem.name}, which is not installed.",
            "Install it: pip install 'merits[diffusion]'",
        ) from None
    folder = model_folder(
        params.path, context, sha256=params.sha256, allow_pickle=params.allow_pickle, config="model_index.json"
    )
    on_gpu = torch.cuda.is_available()
    made_of = [folder.fingerprint, versions("diffusers", "torch", "transformers"), on_gpu, context.seed]
    model = _Pipeline(params, context, folder, on_gpu=on_gpu)
    return Batcher.each(
        model.answer,
        fingerprint=content_hash(["diffusers 1", *made_of]),
        timeout_s=context.timeout_s,
        close=model.close,
        weights=Weights(folder.n_bytes(2 if on_gpu else 4), model.open, model.close),
    )


class _Pipeline:
    def __init__(self, params: Params, context: LoadContext, folder: ModelFolder, *, on_gpu: bool) -> None:
        self._params, self._context, self._folder, self._on_gpu = params, context, folder, on_gpu
        self._lock = threading.Lock()
        self._pipeline: Any = None

    def answer(self, input: JSON) -> Answer:
        """The picture, kept."""
        import torch

        params = self._params
        prompt = fill(params.prompt, input)
        with self._lock:  # a thread that was given up on may still be drawing
            pipeline = self._opened()
            generator = torch.Generator("cpu").manual_seed(seed_of(self._context.seed, prompt))
            sizes = {name: size for name in ("width", "height") if (size := getattr(params, name))}
            told = {"negative_prompt": params.negative_prompt} if params.negative_prompt else {}
            drawn = pipeline(
                prompt,
                num_inference_steps=params.steps,
                guidance_scale=params.guidance,
                generator=generator,
                **sizes,
                **told,
            ).images[0]
        return Answer(keep_picture(png_of(drawn.convert("RGB")), self._context.folder, params.pictures))

    def open(self) -> None:
        """Reads the pipeline, unless it is there."""
        with self._lock:
            self._opened()

    def close(self) -> None:
        """Frees the pipeline's memory."""
        with self._lock:
            self._pipeline = None
        if self._on_gpu:
            import torch

            torch.cuda.empty_cache()

    def _opened(self) -> Any:
        import torch

        if self._pipeline is None:
            from diffusers import DiffusionPipeline

            if not self._on_gpu:
                torch.set_num_threads(1)
            dtype = torch.float16 if self._on_gpu else torch.float32
            pipeline = self._folder.open(DiffusionPipeline, torch_dtype=dtype)
            if not callable(pipeline):
                raise CandidateError(f"{self._folder.path} holds no pipeline that draws.", "Name another folder.")
            pipeline.set_progress_bar_config(disable=True)
            self._pipeline = pipeline.to("cuda" if self._on_gpu else "cpu")
        return self._pipeline
