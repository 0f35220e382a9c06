"""A training as it is handed to other processes: what is trained on what, as plain data in a file.

Knows nothing about how the processes come about.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np

from merits.candidates.encoder import Encoder
from merits.candidates.fine_tuning.classifying import Lesson, TuningParams, tune
from merits.candidates.fine_tuning.numbers import with_adapter
from merits.candidates.fine_tuning.settings import TrainerParams
from merits.candidates.fine_tuning.writing import Pair, Writing, tune_writer
from merits.candidates.keeping import take_network
from merits.candidates.soft import Soft
from merits.media.weights import ModelFolder

__all__ = ["ClassifierJob", "Folder", "Job", "WriterJob", "device_of", "read_job", "writer_job"]


class Folder(msgspec.Struct, frozen=True):
    """A `ModelFolder`."""

    path: str
    weights: tuple[str, ...]
    is_pickled: bool

    @classmethod
    def of(cls, folder: ModelFolder) -> Folder:
        """The same as plain data."""
        return cls(str(folder.path), tuple(map(str, folder.weights)), folder.is_pickled)

    @property
    def found(self) -> ModelFolder:
        """The folder, which was looked at before."""
        return ModelFolder(Path(self.path), tuple(map(Path, self.weights)), self.is_pickled)


class ClassifierJob(msgspec.Struct, frozen=True, tag="classifier"):
    """An encoder with a linear head, and texts to learn to classify."""

    folder: Folder
    params: TuningParams
    n_labels: int
    max_tokens: int
    device: str
    seed: int
    texts: list[str]
    codes: list[int]
    held_out: list[bool]
    shares: list[list[float]] | None = None
    temperature: float = 1.0
    start: str = ""  # the file of the numbers that it begins with, where it has learned before

    def run(self, folder: Path, note: Callable[[str], None]) -> Any:
        """The trained network. `folder` holds what the training has come to."""
        encoder = Encoder(
            self.folder.found, self.n_labels, max_tokens=self.max_tokens, device=self.device, threads=1, seed=self.seed
        )
        if self.start:
            take_network(encoder.network, Path(self.start))
        with_adapter(encoder.network.body, self.params.lora, seed=self.seed)
        soft = None if self.shares is None else Soft((), np.array(self.shares), self.temperature)
        lesson = Lesson(self.texts, self.codes, np.array(self.held_out), soft)
        tune(encoder, lesson, self.params, seed=self.seed, folder=folder, note=note)
        return encoder.network


class WriterJob(msgspec.Struct, frozen=True, tag="writer"):
    """A language model (a folder, or a GGUF file), and what it is to write after prompts, as tokens."""

    source: Folder | str
    is_encoder_decoder: bool
    params: TrainerParams
    device: str
    seed: int
    prompts: list[list[int]]
    answers: list[list[int]]
    held_out: list[bool]

    def run(self, folder: Path, note: Callable[[str], None]) -> Any:
        """The trained network. `folder` holds what the training has come to."""
        from merits.candidates.causal_model import language_model

        device = device_of(self.device)
        network = language_model(
            Path(self.source) if isinstance(self.source, str) else self.source.found, self.is_encoder_decoder
        )
        with_adapter(network, self.params.lora, seed=self.seed)
        pairs = [Pair(prompt, answer) for prompt, answer in zip(self.prompts, self.answers, strict=True)]
        lesson = Writing(pairs, np.array(self.held_out))
        tune_writer(network, lesson, self.params, seed=self.seed, device=device, folder=folder, note=note)
        return network


def writer_job(
    source: ModelFolder | Path, lesson: Writing, params: TrainerParams, *, seed: int, device: str, apart: bool = False
) -> WriterJob:
    """The job of learning to write; `apart` where prompts are read by an encoder."""
    return WriterJob(
        str(source) if isinstance(source, Path) else Folder.of(source),
        apart,
        params,
        device,
        seed,
        [list(pair.prompt) for pair in lesson.pairs],
        [list(pair.answer) for pair in lesson.pairs],
        lesson.held_out.tolist(),
    )


Job: TypeAlias = ClassifierJob | WriterJob


def device_of(wanted: str) -> str:
    """Where torch computes: "cuda" where there is a GPU, and it is not to be the processor."""
    import torch

    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def read_job(file: Path) -> Job:
    """The job in a file."""
    return msgspec.json.decode(file.read_bytes(), type=Job)
