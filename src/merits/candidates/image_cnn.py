"""A small convolutional network for pictures, trained here on the dev split (package `torch`, the extra `torch`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.ahead import DecodedAhead, readable
from merits.candidates.batcher import Batcher
from merits.candidates.checkpoints import Checkpoint, KeepsCheckpoints, checkpoint_of
from merits.candidates.cnn.held_out import held_out, new_label, of_the_new
from merits.candidates.cnn.network import network
from merits.candidates.cnn.pictures import Pictures
from merits.candidates.cnn.training import Lesson, Training, train
from merits.candidates.imports import versions
from merits.candidates.insides import Batch, NetworkInsides, Outputs, labelled
from merits.candidates.keeping import keep_labels, keep_network, kept_labels, take_network
from merits.candidates.learner import labels_to_learn
from merits.candidates.pixels import Pixels
from merits.candidates.registry import LoadContext, Space
from merits.candidates.soft import Soft, soft_of
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.finding import Media
from merits.media.on_torch import as_tensor, device_here, one_thread

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["SPACE", "Params", "load"]

READS: tuple[Reads, ...] = ("picture",)
ON_PREMISES = True
SPACE: Space = {
    "learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
    "channels": [[16, 32, 64], [32, 64, 128]],
    "size": [32, 48],
}
OPENS = "network"  # see `insides`
_BATCH = 32  # pictures answered at once
_MOST_HELD = 2_000_000_000  # bytes of pixels in memory; more are decoded again in every epoch


class Params(Training, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A small convolutional network, trained on the dev split; on a GPU where there is one."""

    size: Annotated[int, msgspec.Meta(ge=4, le=512, description="Pictures become squares of this side, in pixels.")] = (
        32
    )
    colour: Annotated[bool, msgspec.Meta(description="Keep colours; false: shades of grey.")] = True
    channels: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=1)], ...],
        msgspec.Meta(min_length=1, max_length=6, description="Channels of each block; a block halves the side."),
    ] = (16, 32, 64)
    checkpoints: KeepsCheckpoints = True


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier of the pictures that inputs name.

    Part of dev (whole groups) is held out and decides when to stop, so it is not learned from. What was trained is
    kept in `.merits/checkpoints` in the task's folder, under a name that stands for all it depends on: the next run on
    the same examples need not train, and a killed one goes on. The folder may be deleted at any time.
    """
    for package in ("torch", "PIL"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"image-cnn needs the package {package}.", "pip install 'merits[torch,images]'")
    fingerprint = content_hash(["image-cnn 1", versions("torch", "numpy", "PIL"), context.seed])
    reader = Pixels(Media.of(context), params.size, params.colour)
    model = _Cnn(params, context, reader, fingerprint)
    batcher = Batcher(
        model.answer_batch,
        batch_size=_BATCH,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        fit=model.fit,
        fit_soft=model.fit_soft,
        close=model.close,
        keeping=model,
        going_on=model,
        insides=NetworkInsides(model.opened, model.reading, model.blank),
        size_bytes=lambda: model.size_bytes,
    )
    return DecodedAhead(reader.square, batcher)


class _Cnn:
    """Blocking training and answers."""

    def __init__(self, params: Params, context: LoadContext, reader: Pixels, fingerprint: str) -> None:
        self._params = params
        self._context = context
        self._reader = reader
        self._fingerprint = fingerprint
        self._network: Module | None = None
        self._labels: tuple[str, ...] = ()
        self.size_bytes: int | None = None  # of its numbers on disk

    def fit(self, examples: Sequence[Example]) -> None:
        """Train on the examples that have a target and a picture that can be read."""
        one_thread()
        known = labels_to_learn(examples)
        pictures, learned = self._pictures(known)
        labels = tuple(sorted({str(example.target) for example in learned}))
        apart = held_out(learned, self._params.held_out, seed=self._context.seed)
        self._learn(self._lesson(pictures, learned, labels, apart), labels, learned)

    def cannot_go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example]) -> str:
        """Why it cannot go on from what was kept there: see `merits.core.doors.Continuing`."""
        return new_label(kept_labels(folder), [*known, *new])

    def go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example], share: float) -> None:
        """Goes on from the network there, for a share of the epochs; some of the new examples say when to stop."""
        one_thread()
        self.restore(folder)
        assert self._network is not None
        pictures, learned = self._pictures([*known, *new])
        fresh = {id(one) for one in new}
        old, late = ([one for one in learned if (id(one) in fresh) is is_new] for is_new in (False, True))
        apart = of_the_new(old, late, self._params.held_out, seed=self._context.seed)
        lesson = self._lesson(pictures, learned, self._labels, apart)
        shorter = msgspec.structs.replace(self._params, epochs=max(1, round(share * self._params.epochs)))
        checkpoint = self._checkpoint(learned, None, [file_hash(folder / "network.safetensors"), len(late), share])
        seed = self._context.seed
        train(self._network, lesson, shorter, seed=seed, checkpoint=checkpoint, note=self._context.note)

    def fit_soft(
        self, examples: Sequence[Example], shares: Sequence[Mapping[str, float]], temperature: float = 1.0
    ) -> None:
        """Train on the shares of labels, as Hinton et al. (2015) do."""
        one_thread()
        shares_of = dict(zip(map(id, examples), shares, strict=True))
        pictures, learned = self._pictures(labels_to_learn(examples))
        soft = soft_of([shares_of[id(example)] for example in learned], temperature)
        apart = held_out(learned, self._params.held_out, seed=self._context.seed)
        self._learn(Lesson(pictures, soft.codes, apart, soft), soft.labels, learned)

    def _learn(self, lesson: Lesson, labels: tuple[str, ...], learned: Sequence[Example]) -> None:
        self._network = self._trained(lesson, len(labels), self._checkpoint(learned, lesson.soft))
        self._labels = labels
        self.size_bytes = sum(part.numel() * part.element_size() for part in self._network.state_dict().values())

    def opened(self) -> _OpenCnn:
        """The trained network, for whoever makes a smaller copy of it."""
        if self._network is None:
            raise RuntimeError("opened before it was fitted")
        return _OpenCnn(self._network, _Reading(self._reader, self._labels), self._tuned)

    def keep(self, folder: Path) -> None:
        """Writes the network's numbers and its labels."""
        if self._network is None:
            raise RuntimeError("kept before it was fitted")
        keep_network(self._network, folder / "network.safetensors")
        keep_labels(self._labels, folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        labels, made = kept_labels(folder), self.blank(folder)
        take_network(made, folder / "network.safetensors")
        self._network, self._labels = made, labels
        self.size_bytes = sum(part.numel() * part.element_size() for part in made.state_dict().values())

    def reading(self, folder: Path) -> _Reading:
        """How pictures are read for a network like this one, with the labels that lie in a folder."""
        return _Reading(self._reader, kept_labels(folder))

    def blank(self, folder: Path) -> Module:
        """The network before it has learned, for the labels that lie in a folder."""
        import torch

        channels, n_labels = 3 if self._params.colour else 1, len(kept_labels(folder))
        none, ones = torch.zeros(channels), torch.ones(channels)
        made: Module = network(none, ones, self._params.channels, n_labels, seed=self._context.seed)
        return made.to(device_here()).eval()

    def _tuned(self, module: Module, examples: Sequence[Example], epochs: int) -> None:
        """Trains a changed network on the examples of the classes that it knows."""
        pictures, learned = self._pictures([one for one in examples if str(one.target) in self._labels])
        shorter = msgspec.structs.replace(self._params, epochs=epochs, patience=epochs, warmup_epochs=0.0)
        seed = self._context.seed
        lesson = self._lesson(pictures, learned, self._labels, held_out(learned, self._params.held_out, seed=seed))
        train(module.to(device_here()), lesson, shorter, seed=seed, checkpoint=None, note=self._context.note)

    def _lesson(
        self, pictures: Pictures, learned: Sequence[Example], labels: Sequence[str], apart: NDArray[np.bool_]
    ) -> Lesson:
        code = {label: number for number, label in enumerate(labels)}
        return Lesson(pictures, np.array([code[str(example.target)] for example in learned], np.int64), apart)

    def answer_batch(self, pictures: Sequence[JSON]) -> Sequence[Answer]:
        """A label and the probability of each, for pictures that are decoded already."""
        if self._network is None:
            raise RuntimeError("asked before it was fitted")
        import torch

        one_thread()
        with torch.inference_mode():
            pixels = as_tensor(np.stack([np.asarray(picture, np.uint8) for picture in pictures]), device_here())
            shares = self._network(pixels).double().softmax(1).cpu().numpy()
        return [_answer(self._labels, row) for row in shares]

    def close(self) -> None:
        """Frees the network's memory."""
        self._network = None

    def _pictures(self, known: Sequence[Example]) -> tuple[Pictures, Sequence[Example]]:
        """The pictures that can be read, and their examples."""
        read, params = self._reader.square, self._params
        fits = len(known) * params.size**2 * (3 if params.colour else 1) <= _MOST_HELD

        def one(example: Example) -> tuple[Example, NDArray[np.uint8] | None]:
            pixels = read(example.input)
            return example, pixels if fits else None

        found = readable(one, known, self._context.note)
        learned = [example for example, _ in found]
        held = [pixels for _, pixels in found if pixels is not None]
        return Pictures(np.stack(held) if fits else None, [example.input for example in learned], read), learned

    def _trained(self, lesson: Lesson, n_classes: int, checkpoint: Checkpoint | None) -> Module:
        import torch

        mean, deviation = lesson.pictures.spread(np.flatnonzero(~lesson.held_out))
        seed = self._context.seed
        made = network(
            torch.from_numpy(mean), torch.from_numpy(deviation), self._params.channels, n_classes, seed=seed
        ).to(device_here())
        train(made, lesson, self._params, seed=seed, checkpoint=checkpoint, note=self._context.note)
        return made

    def _checkpoint(
        self, learned: Sequence[Example], soft: Soft | None, begun: Sequence[Any] = ()
    ) -> Checkpoint | None:
        """Where this very training is kept: its name is a hash of the recipe, the code and the examples."""
        taught: list[Any] = [(example.input_hash, example.target, example.group) for example in learned]
        taught += [] if soft is None else [(soft.temperature, soft.shares.tolist())]
        name = content_hash([self._fingerprint, msgspec.to_builtins(self._params), taught, *begun])
        return checkpoint_of(self._context, "image-cnn", name, kept=self._params.checkpoints)


@dataclass(frozen=True, eq=False)
class _OpenCnn:
    """A trained network that others may look into: see `insides.Network`. `train` trains a changed one."""

    module: Module
    reading: _Reading
    train: Callable[[Module, Sequence[Example], int], None]

    def tune(self, module: Module, examples: Sequence[Example], epochs: int) -> None:
        """Trains a changed copy of the module as the network was trained."""
        self.train(module, examples, epochs)


@dataclass(frozen=True, eq=False)
class _Reading:
    """Pictures as pixels, and rows of logits as labels: see `insides.Reading`."""

    reader: Pixels
    labels: Sequence[str]
    beside: ClassVar[Sequence[Any]] = ()

    def batches(self, inputs: Sequence[JSON]) -> Iterator[Batch]:
        """Pictures as they come, as many together as are answered together."""
        for start in range(0, len(inputs), _BATCH):
            pixels = np.stack([self.reader.square(input) for input in inputs[start : start + _BATCH]])
            ready = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)
            yield Batch(range(start, start + len(pixels)), {"input": ready})

    def answers(self, outputs: Outputs) -> list[Answer]:
        """A label and the probability of each, for rows of logits."""
        return labelled(self.labels, outputs[0])

    def keep(self, folder: Path) -> None:
        """Writes the labels; how pictures are read is in the recipe."""
        keep_labels(self.labels, folder)


def _answer(labels: Sequence[str], shares: NDArray[np.float64]) -> Answer:
    return Answer(labels[int(shares.argmax())], dict(zip(labels, shares.tolist(), strict=True)))
