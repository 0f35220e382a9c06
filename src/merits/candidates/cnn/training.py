"""How the network learns: in batches, by gradient descent on the cross-entropy, until the held-out part says stop.

Knows nothing about files and tasks. What is drawn in an epoch is drawn from the seed and the epoch's number, so a
training that goes on from a checkpoint draws what it would have drawn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.checkpoints import Checkpoint
from merits.candidates.cnn.augmenting import Augmentation, augmented
from merits.candidates.cnn.pictures import Pictures
from merits.candidates.soft import Soft, soft_loss
from merits.media.on_torch import as_tensor

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

__all__ = ["Lesson", "Training", "train"]

_NOTE_EVERY_S = 5.0
_RATES = {"sgd": 0.05, "adam": 0.002, "adamw": 0.002}
_DECAYS = {"sgd": 5e-4, "adam": 0.0, "adamw": 0.01}
_EVALUATED = 256  # pictures at once where no gradient is needed


class Training(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How a network is trained."""

    epochs: Annotated[int, msgspec.Meta(ge=1, description="The most often that every picture is seen.")] = 30
    batch_size: Annotated[int, msgspec.Meta(ge=2, description="Pictures in one step.")] = 64
    optimizer: Annotated[
        Literal["sgd", "adam", "adamw"], msgspec.Meta(description="sgd has momentum (Nesterov's).")
    ] = "adamw"
    learning_rate: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        msgspec.Meta(description="The highest one. Default: 0.05 for sgd, 0.002 for adam and adamw."),
    ] = None
    momentum: Annotated[float, msgspec.Meta(ge=0, lt=1, description="Of sgd.")] = 0.9
    weight_decay: Annotated[
        Annotated[float, msgspec.Meta(ge=0)] | None,
        msgspec.Meta(description="Default: 0.0005 for sgd, 0 for adam, 0.01 for adamw."),
    ] = None
    schedule: Annotated[
        Literal["cosine", "constant"], msgspec.Meta(description="How the learning rate goes on after the warm-up.")
    ] = "cosine"
    warmup_epochs: Annotated[
        float, msgspec.Meta(ge=0, description="Epochs in which the learning rate rises to its highest.")
    ] = 1.0
    label_smoothing: Annotated[
        float, msgspec.Meta(ge=0, lt=1, description="Share of the target that is spread over all labels.")
    ] = 0.0
    held_out: Annotated[
        float, msgspec.Meta(ge=0, le=0.5, description="Share of dev that tells when to stop; 0: never early.")
    ] = 0.1
    patience: Annotated[
        int, msgspec.Meta(ge=1, description="Epochs without a lower loss on the held-out part, then it stops.")
    ] = 6
    augmentation: Annotated[Augmentation, msgspec.Meta(description="How far pictures are moved at random.")] = (
        Augmentation()
    )
    mixed_precision: Annotated[bool, msgspec.Meta(description="Compute in 16 bits where there is a GPU.")] = True


@dataclass(frozen=True)
class Lesson:
    """Pictures with the codes of their labels, and which of them are held out; `soft` where shares are learned."""

    pictures: Pictures
    codes: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    soft: Soft | None = None


def train(
    network: Module,
    lesson: Lesson,
    training: Training,
    *,
    seed: int,
    checkpoint: Checkpoint | None,
    note: Callable[[str], None],
) -> None:
    """Nothing, once the network has learned: it then is as it was after the epoch with the lowest held-out loss.

    Goes on from the checkpoint where there is one, and saves one after each epoch. On a processor, with one thread, a
    training that was interrupted comes to the same weights, bit for bit; a GPU does not promise that.
    """
    run = _Run(network, lesson, training, seed)
    state = None if checkpoint is None else checkpoint.load(run.device)
    if state is not None:
        run.restore(state)
        note(
            f"training goes on after epoch {run.epoch} of {training.epochs}" if not run.ended else "was trained before"
        )
    told = time.monotonic()
    while not run.ended:
        said = run.one_epoch()
        if checkpoint is not None:
            checkpoint.save(run.state())
        if run.ended or time.monotonic() - told > _NOTE_EVERY_S:
            note(said)
            told = time.monotonic()
    if run.best:
        network.load_state_dict(run.best)
    network.eval()


class _Run:
    """A training on its way; `epoch` are done."""

    def __init__(self, network: Module, lesson: Lesson, training: Training, seed: int) -> None:
        import torch

        self.device = next(network.parameters()).device
        self.network, self.lesson, self.training, self.seed = network, lesson, training, seed
        self.learned = np.flatnonzero(~lesson.held_out)
        self.looked_at = np.flatnonzero(lesson.held_out)
        self.optimizer = _optimizer(network, training)
        on_gpu = self.device.type == "cuda" and training.mixed_precision
        self.half = torch.bfloat16 if on_gpu and torch.cuda.is_bf16_supported() else torch.float16
        self.mixed = on_gpu
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=on_gpu and self.half is torch.float16)
        self.epoch = 0
        self.best: dict[str, Tensor] = {}
        self.best_epoch, self.best_loss = 0, math.inf

    @property
    def ended(self) -> bool:
        """Whether all epochs are done, or the last ones brought nothing."""
        waited = self.epoch - self.best_epoch if len(self.looked_at) else 0
        return self.epoch >= self.training.epochs or waited >= self.training.patience

    def state(self) -> dict[str, Any]:
        """All that a training must know to go on as if nothing had been."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "epoch": self.epoch,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """As it was when the state was taken."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.best = state["epoch"], state["best"]
        self.best_epoch, self.best_loss = state["best_epoch"], state["best_loss"]

    def one_epoch(self) -> str:
        """What came of learning from every picture once."""
        random = np.random.default_rng([self.seed, self.epoch])
        order = self.learned[random.permutation(len(self.learned))]
        n_batches = max(1, len(order) // self.training.batch_size)  # equal ones: normalising one picture means nothing
        batches = np.array_split(order, n_batches)
        self.network.train()
        total = 0.0
        for number, (chosen, pixels) in enumerate(zip(batches, self.lesson.pictures.batches(batches), strict=True)):
            self._set_rate(self.epoch + number / n_batches, n_batches)
            total += self._step(pixels, chosen, random) * len(chosen)
        self.epoch += 1
        if not math.isfinite(total):
            raise ArithmeticError(f"the loss is no number in epoch {self.epoch}: lower `learning_rate`")
        said = f"epoch {self.epoch} of {self.training.epochs}: loss {total / len(order):.3f}"
        return said + self._looked() if len(self.looked_at) else said

    def _step(self, pixels: NDArray[np.uint8], chosen: NDArray[np.intp], random: np.random.Generator) -> float:
        import torch

        moved = augmented(as_tensor(pixels, self.device), self.training.augmentation, random)
        with torch.autocast(self.device.type, dtype=self.half, enabled=self.mixed):
            loss = self._loss(self.network(moved), chosen, self.training.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return float(loss.detach())

    def _loss(self, logits: Tensor, chosen: NDArray[np.intp], smoothing: float = 0.0) -> Tensor:
        """The mean loss of pictures whose logits are given."""
        import torch
        from torch.nn.functional import cross_entropy

        soft = self.lesson.soft
        if soft is not None:
            shares = torch.from_numpy(soft.shares[chosen].astype(np.float32)).to(self.device)
            return soft_loss(logits, shares, soft.temperature)
        target = torch.from_numpy(self.lesson.codes[chosen]).to(self.device)
        return cross_entropy(logits, target, label_smoothing=smoothing)

    def _looked(self) -> str:
        """How the held-out part is answered now; the best weights so far are kept."""
        loss, n_right = self._measured()
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, self.epoch
            self.best = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        n = len(self.looked_at)
        end = f"; the best was epoch {self.best_epoch}" if self.ended else ""
        return f"; held out: loss {loss:.3f}, {n_right} of {n} right{end}"

    def _measured(self) -> tuple[float, int]:
        """The mean cross-entropy on the held-out part, and how many of it are right."""
        import torch

        batches = np.array_split(self.looked_at, math.ceil(len(self.looked_at) / _EVALUATED))
        self.network.eval()
        loss, right = 0.0, 0
        with torch.inference_mode():
            for chosen, pixels in zip(batches, self.lesson.pictures.batches(batches), strict=True):
                logits = self.network(as_tensor(pixels, self.device))
                target = torch.from_numpy(self.lesson.codes[chosen]).to(self.device)
                loss += float(self._loss(logits, chosen)) * len(chosen)
                right += int((logits.argmax(1) == target).sum())
        return loss / len(self.looked_at), right

    def _set_rate(self, epochs_done: float, n_batches: int) -> None:
        training = self.training
        highest = training.learning_rate or _RATES[training.optimizer]
        share = rate_share(epochs_done + 1 / n_batches, training)
        for group in self.optimizer.param_groups:
            group["lr"] = highest * share


def rate_share(epochs_done: float, training: Training) -> float:
    """The learning rate as a share of the highest, once so many epochs are done.

    It rises in a line (Goyal et al. 2017), then falls to 0 as half a cosine (Loshchilov and Hutter 2017).

    >>> [round(rate_share(done, Training(epochs=11)), 3) for done in (0.5, 1, 6, 11)]
    [0.5, 1.0, 0.5, 0.0]
    """
    warm = min(training.warmup_epochs, training.epochs)
    if epochs_done < warm:
        return epochs_done / warm
    if training.schedule == "constant" or training.epochs <= warm:
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * (epochs_done - warm) / (training.epochs - warm)))


def _optimizer(network: Module, training: Training) -> Any:
    from torch import optim

    decay = _DECAYS[training.optimizer] if training.weight_decay is None else training.weight_decay
    rate = training.learning_rate or _RATES[training.optimizer]
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if training.optimizer == "sgd":
        nesterov = training.momentum > 0
        return optim.SGD(learned, rate, momentum=training.momentum, weight_decay=decay, nesterov=nesterov)
    return (optim.Adam if training.optimizer == "adam" else optim.AdamW)(learned, rate, weight_decay=decay)
