"""What an encoder learns to classify: texts with the numbers of their classes, or with shares of the classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.encoder import Encoder
from merits.candidates.fine_tuning.settings import TrainerParams
from merits.candidates.soft import Soft, soft_loss
from merits.media.weights import IMPORTING

__all__ = ["Lesson", "TuningParams", "tune"]

_NO_DECAY = ("bias", "LayerNorm.weight", "layer_norm.weight", "norm.weight")


class TuningParams(TrainerParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How it is trained."""

    head_learning_rate: Annotated[float, msgspec.Meta(gt=0, description="Largest rate of the linear head.")] = 1e-3


@dataclass(frozen=True)
class Lesson:
    """Texts, the numbers of their classes, and which are held out, shape (texts,); `soft` where shares are learned."""

    texts: Sequence[str]
    codes: Sequence[int]
    held_out: NDArray[np.bool_]
    soft: Soft | None = None


def tune(
    encoder: Encoder,
    lesson: Lesson,
    params: TuningParams,
    *,
    seed: int,
    folder: Path,
    note: Callable[[str], None],
) -> None:
    """Nothing; the encoder is that of the epoch whose loss on the held-out texts was least. See `trainer.train`.

    AdamW: Loshchilov and Hutter (2019), arXiv 1711.05101; the schedule is that of Devlin et al. (2019), 1810.04805.
    """
    with IMPORTING:
        from merits.candidates.fine_tuning.trainer import Course, train

    torch = encoder.torch

    def batch(places: Sequence[int]) -> dict[str, Any]:
        if lesson.soft is None:
            labels = torch.tensor([lesson.codes[at] for at in places])
        else:
            labels = torch.tensor(lesson.soft.shares[list(places)], dtype=torch.float32)
        return {**encoder.tokens([lesson.texts[at] for at in places]), "labels": labels}

    def loss(network: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
        read = {name: values for name, values in inputs.items() if name != "labels"}
        labels, scores = inputs["labels"], network(**read).float()
        if lesson.soft is None:
            mean = torch.nn.functional.cross_entropy(scores, labels)
        else:
            mean = soft_loss(scores, labels, lesson.soft.temperature)
        return mean * len(labels), torch.tensor(len(labels))

    course = Course(
        encoder.network, _groups(encoder, params), batch, loss, lesson.held_out, encoder.lengths(lesson.texts)
    )
    train(course, params, seed=seed, device=encoder.device, folder=folder, note=note)


def _groups(encoder: Encoder, params: TuningParams) -> list[dict[str, Any]]:
    body = [(name, weight) for name, weight in encoder.network.body.named_parameters() if weight.requires_grad]
    decayed = [weight for name, weight in body if not name.endswith(_NO_DECAY)]
    plain = [weight for name, weight in body if name.endswith(_NO_DECAY)]
    head = list(encoder.network.head.parameters())
    return [
        {"params": decayed, "lr": params.rate, "weight_decay": params.weight_decay},
        {"params": plain, "lr": params.rate, "weight_decay": 0.0},
        {"params": head, "lr": params.head_learning_rate, "weight_decay": params.weight_decay},
    ]
