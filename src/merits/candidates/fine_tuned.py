"""A transformer encoder with a linear head, both trained on the dev split: fine-tuning for text classification."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.batcher import Batcher
from merits.candidates.checkpoints import Checkpoint, KeepsCheckpoints, checkpoint_of
from merits.candidates.cnn.held_out import held_out, new_label, of_the_new
from merits.candidates.encoder import Encoder, OpenEncoder, TextReading, Tokeniser
from merits.candidates.fine_tuning.classifying import Lesson, TuningParams, tune
from merits.candidates.fine_tuning.jobs import ClassifierJob, Folder
from merits.candidates.fine_tuning.learning import learn
from merits.candidates.fine_tuning.numbers import IN_TRAINING, check_peft, merged, with_adapter
from merits.candidates.imports import versions
from merits.candidates.insides import NetworkInsides
from merits.candidates.keeping import keep_labels, keep_network, kept_labels, take_network
from merits.candidates.memory import Weights
from merits.candidates.registry import LoadContext, Space
from merits.candidates.soft import Soft, soft_of
from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.weights import AllowPickle, ModelFolder, Sha256, model_folder

__all__ = ["READS", "SPACE", "Params", "load"]

ON_PREMISES = True
SPACE: Space = {
    "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
    "head_learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "epochs": [2, 4, 8],
    "batch_size": [8, 16, 32],
}
OPENS = "network"  # see `insides`

READS: tuple[Reads, ...] = ("text", "columns")
_ANSWERED_TOGETHER = 16


class Params(TuningParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A transformer encoder, fine-tuned on the dev split."""

    path: Annotated[str, msgspec.Meta(min_length=1, description="The encoder's folder, or its name among the assets.")]
    sha256: Sha256 = ""
    allow_pickle: AllowPickle = False
    max_tokens: Annotated[int, msgspec.Meta(ge=4, description="The end of a longer text is not read.")] = 128
    checkpoints: KeepsCheckpoints = True
    threads: Annotated[int, msgspec.Meta(ge=1, description="Processor threads to compute with.")] = 1
    device: Annotated[Literal["auto", "cpu", "cuda"], msgspec.Meta(description="auto: a GPU where there is one.")] = (
        "auto"
    )


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier of texts: the mean of the encoder's last layer over the tokens, and a linear head.

    The Trainer of transformers trains it: AdamW with a learning rate that rises over the first steps and falls to 0;
    the part of dev that is held out (whole groups) decides which epoch is kept. On a GPU, mixed precision. The same
    seed and examples give the same network. With `lora` an adapter is trained beside the head, and merged afterwards.
    What was trained is kept in `.merits/checkpoints` in the task's folder, under a name that stands for all it depends
    on: a killed training goes on after its last epoch, and the next run on the same examples need not train.
    """
    for package in ("torch", "transformers", "safetensors", "accelerate"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"transformer-finetune needs {package}, which is not installed.",
                "Install it: pip install 'merits[transformers]'",
            )
    check_peft(params.lora)
    folder = model_folder(params.path, context, sha256=params.sha256, allow_pickle=params.allow_pickle)
    identity = ["transformer-finetune 2", folder.fingerprint, versions("torch"), versions("transformers"), context.seed]
    identity += [] if params.lora is None else [versions("peft")]
    model = _FineTuned(params, context, folder, content_hash(identity))
    return Batcher(
        model.answer_batch,
        batch_size=_ANSWERED_TOGETHER,
        fingerprint=content_hash(identity),
        timeout_s=context.timeout_s,
        fit=model.fit,
        fit_soft=model.fit_soft,
        close=model.close,
        keeping=model,
        going_on=model,
        weights=Weights(IN_TRAINING * folder.n_bytes(4), model.open, model.put_aside),
        insides=NetworkInsides(model.opened, model.reading, model.blank),
        size_bytes=lambda: model.size_bytes,
    )


class _FineTuned:
    """Blocking training and answers of one encoder."""

    def __init__(self, params: Params, context: LoadContext, folder: ModelFolder, fingerprint: str) -> None:
        self._params = params
        self._context = context
        self._folder = folder
        self._fingerprint = fingerprint
        self._lock = threading.Lock()
        self._encoder: Encoder | None = None
        self._aside: Path | None = None  # where what was learned lies while others need the memory
        self._labels: tuple[str, ...] = ()
        self.size_bytes: int | None = None  # of its numbers on disk

    def fit(self, examples: Sequence[Example]) -> None:
        """Train on the examples that have a target; CandidateError where these are of one class only."""
        learned = [example for example in examples if example.target is not None]
        labels = tuple(sorted({str(example.target) for example in learned}))
        if len(labels) < 2:
            raise CandidateError(
                f"{len(learned)} examples of {len(labels)} classes are too little to learn from.",
                "A classifier needs examples of two classes in the dev split.",
            )
        self._learn(learned, labels)

    def fit_soft(
        self, examples: Sequence[Example], shares: Sequence[Mapping[str, float]], temperature: float = 1.0
    ) -> None:
        """Train on the shares of labels, as Hinton et al. (2015) do."""
        soft = soft_of(shares, temperature)
        if len(soft.labels) < 2:
            raise CandidateError(
                f"{len(examples)} examples of {len(soft.labels)} classes are too little to learn from.",
                "A classifier needs examples of two classes in the dev split.",
            )
        self._learn(examples, soft.labels, soft)

    def cannot_go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example]) -> str:
        """Why it cannot go on from what was kept there: see `merits.core.doors.Continuing`."""
        return new_label(kept_labels(folder), [*known, *new])

    def go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example], share: float) -> None:
        """Goes on from the network there, for a share of the epochs; some of the new examples say when to stop."""
        labels, numbers = kept_labels(folder), folder / "network.safetensors"
        shorter = msgspec.structs.replace(self._params, epochs=max(1, round(share * self._params.epochs)))
        encoder = self._opened(len(labels))
        take_network(encoder.network, numbers)
        apart = of_the_new(known, new, self._params.held_out, seed=self._context.seed)
        lesson = self._lesson([*known, *new], labels, apart)
        begun = [file_hash(numbers), len(new), share]
        self._train(encoder, lesson, shorter, self._checkpoint([*known, *new], None, begun), start=str(numbers))
        self._encoder, self._labels, self.size_bytes = encoder, labels, encoder.n_bytes

    def _learn(self, learned: Sequence[Example], labels: tuple[str, ...], soft: Soft | None = None) -> None:
        encoder, apart = self._opened(len(labels)), self._held_out(learned)
        self._train(encoder, self._lesson(learned, labels, apart, soft), self._params, self._checkpoint(learned, soft))
        self._encoder, self._labels, self.size_bytes = encoder, labels, encoder.n_bytes

    def _train(
        self, encoder: Encoder, lesson: Lesson, params: Params, checkpoint: Checkpoint | None, *, start: str = ""
    ) -> None:
        """Nothing; the encoder has learned the lesson. `start` is the file of the numbers it has, if it has learned."""
        seed = self._context.seed
        adapter = with_adapter(encoder.network.body, params.lora, seed=seed)
        learn(
            encoder.network,
            lambda folder: tune(encoder, lesson, params, seed=seed, folder=folder, note=self._context.note),
            lambda: self._job(lesson, params, encoder.n_labels, start),
            n_processes=params.processes,
            checkpoint=checkpoint,
            context=self._context,
        )
        merged(adapter)

    def keep(self, folder: Path) -> None:
        """Writes the network's numbers and its labels; the encoder's configuration and tokenizer are in its folder."""
        with self._lock:
            encoder = self._there()
            if encoder is None:
                raise RuntimeError("kept before it was fitted")
            keep_network(encoder.network, folder / "network.safetensors")
        keep_labels(self._labels, folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        labels = kept_labels(folder)
        encoder = self._opened(len(labels))
        take_network(encoder.network, folder / "network.safetensors")
        with self._lock:
            self._encoder, self._labels, self.size_bytes = encoder, labels, encoder.n_bytes

    def opened(self) -> OpenEncoder:
        """The trained network, for whoever makes a smaller copy of it."""
        with self._lock:
            encoder = self._there()
        if encoder is None:
            raise RuntimeError("opened before it was fitted")
        return OpenEncoder(encoder, self._labels, self._tuned)

    def reading(self, folder: Path) -> TextReading:
        """How texts are read for a network like this one, with the labels that lie in a folder."""
        return TextReading(Tokeniser(self._folder, self._params.max_tokens), kept_labels(folder))

    def blank(self, folder: Path) -> Any:
        """The network before it has learned, for the labels that lie in a folder."""
        return self._opened(len(kept_labels(folder))).network.eval()

    def _tuned(self, encoder: Encoder, examples: Sequence[Example], epochs: int) -> None:
        """Trains a changed network on the examples of the classes that it knows."""
        known = [example for example in examples if str(example.target) in self._labels]
        shorter = msgspec.structs.replace(self._params, epochs=epochs, patience=epochs, lora=None)
        lesson, seed = self._lesson(known, self._labels, self._held_out(known)), self._context.seed
        with tempfile.TemporaryDirectory(prefix="merits-") as folder:
            tune(encoder, lesson, shorter, seed=seed, folder=Path(folder), note=self._context.note)

    def _held_out(self, learned: Sequence[Example]) -> NDArray[np.bool_]:
        return held_out(learned, self._params.held_out, seed=self._context.seed)

    def _job(self, lesson: Lesson, params: Params, n_labels: int, start: str) -> ClassifierJob:
        soft = lesson.soft
        return ClassifierJob(
            Folder.of(self._folder),
            msgspec.convert(params, TuningParams, from_attributes=True),
            n_labels,
            params.max_tokens,
            params.device,
            self._context.seed,
            list(lesson.texts),
            list(lesson.codes),
            lesson.held_out.tolist(),
            None if soft is None else soft.shares.tolist(),
            1.0 if soft is None else soft.temperature,
            start,
        )

    def _lesson(
        self,
        learned: Sequence[Example],
        labels: Sequence[str],
        apart: NDArray[np.bool_],
        soft: Soft | None = None,
    ) -> Lesson:
        code = {label: number for number, label in enumerate(labels)}
        return Lesson(
            texts=[as_text(example.input) for example in learned],
            codes=[code[str(example.target)] for example in learned],
            held_out=apart,
            soft=soft,
        )

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer]:
        """A label and the probability of each."""
        with self._lock:  # a thread that was given up on may still be computing
            encoder = self._there()
            if encoder is None:
                raise RuntimeError("asked before it was fitted")
            rows = encoder.shares([as_text(input) for input in inputs])
        answers = []
        for row in rows:
            found = dict(zip(self._labels, row, strict=True))
            answers.append(Answer(max(found, key=lambda label: found[label]), found))
        return answers

    def open(self) -> None:
        """Reads what was learned, where it was put aside."""
        with self._lock:
            self._there()

    def _there(self) -> Encoder | None:
        if self._encoder is None and self._aside is not None:
            encoder = self._opened(len(self._labels))
            encoder.read(self._aside)
            self._encoder = encoder
        return self._encoder

    def put_aside(self) -> None:
        """Frees the network's memory, and keeps what was learned in a file until the model is closed."""
        with self._lock:
            if self._encoder is None:
                return
            if self._aside is None:
                file, name = tempfile.mkstemp(prefix="merits-", suffix=".pt")
                os.close(file)
                self._aside = Path(name)
                self._encoder.write(self._aside)
            self._encoder.release()
            self._encoder = None

    def close(self) -> None:
        """Frees the network's memory, that of a GPU too, and forgets what was learned."""
        with self._lock:
            if self._encoder is not None:
                self._encoder.release()
            self._encoder = None
            if self._aside is not None:
                self._aside.unlink(missing_ok=True)
            self._aside = None

    def _opened(self, n_labels: int) -> Encoder:
        params = self._params
        return Encoder(
            self._folder,
            n_labels,
            max_tokens=params.max_tokens,
            device=params.device,
            threads=params.threads,
            seed=self._context.seed,
        )

    def _checkpoint(
        self, learned: Sequence[Example], soft: Soft | None, begun: Sequence[Any] = ()
    ) -> Checkpoint | None:
        """Where this very training is kept: its name is a hash of the recipe, the code and the examples."""
        taught: list[Any] = [(example.input_hash, example.target, example.group) for example in learned]
        taught += [] if soft is None else [(soft.temperature, soft.shares.tolist())]
        name = content_hash([self._fingerprint, msgspec.to_builtins(self._params), taught, *begun])
        return checkpoint_of(self._context, "transformer", name, kept=self._params.checkpoints)
