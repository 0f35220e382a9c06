"""What a language model learns to write: prompts and what is to follow each, as tokens.

The loss is that of the answers' tokens; nothing is learned of the prompts. Knows nothing about how they are worded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merits.candidates.fine_tuning.settings import TrainerParams
from merits.media.weights import IMPORTING

__all__ = ["Pair", "Writing", "tune_writer"]

# Where networks without modules for it (Marian, NLLB) hold what they leave out.
_DROPOUTS = (
    "dropout",
    "attention_dropout",
    "activation_dropout",
    "encoder_layerdrop",
    "decoder_layerdrop",
    "layerdrop",
)
_IGNORED = -100  # what torch's cross-entropy leaves out


@dataclass(frozen=True)
class Pair:
    """The tokens of a prompt, at least one, and those of its answer, the end among them."""

    prompt: Sequence[int]
    answer: Sequence[int]


@dataclass(frozen=True)
class Writing:
    """Pairs, and which are held out, shape (pairs,)."""

    pairs: Sequence[Pair]
    held_out: NDArray[np.bool_]


def tune_writer(
    network: Any,
    lesson: Writing,
    params: TrainerParams,
    *,
    seed: int,
    device: str,
    folder: Path,
    note: Callable[[str], None],
) -> None:
    """Nothing; the network is that of the epoch whose loss on the held-out answers was least. See `trainer.train`."""
    import torch

    with IMPORTING:
        from merits.candidates.fine_tuning.trainer import Course, train

    for name, module in network.named_modules():  # they draw from torch's one global generator, which others share
        if isinstance(module, torch.nn.Dropout):
            module.p = module.p if ".lora_dropout" in name else 0.0
        for share in _DROPOUTS:
            if isinstance(getattr(module, share, None), float):
                setattr(module, share, 0.0)
    apart = bool(network.config.is_encoder_decoder)

    def batch(places: Sequence[int]) -> dict[str, Any]:
        pairs = [lesson.pairs[at] for at in places]
        read = [pair.prompt if apart else [*pair.prompt, *pair.answer] for pair in pairs]
        said = [pair.answer if apart else [*[_IGNORED] * len(pair.prompt), *pair.answer] for pair in pairs]
        return {
            "input_ids": _padded(read, 0),
            "attention_mask": _padded([[1] * len(ids) for ids in read], 0),
            "labels": _padded(said, _IGNORED),
        }

    def loss(model: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
        labels = inputs["labels"]
        if apart:
            scores = model(**inputs).logits.float()
        else:
            read = {name: values for name, values in inputs.items() if name != "labels"}
            scores, labels = model(**read, use_cache=False).logits[:, :-1].float(), labels[:, 1:]
        total = torch.nn.functional.cross_entropy(
            scores.flatten(0, 1), labels.flatten(), ignore_index=_IGNORED, reduction="sum"
        )
        return total, (labels != _IGNORED).sum()

    lengths = np.array([len(pair.prompt) + len(pair.answer) for pair in lesson.pairs], np.intp)
    course = Course(network, _groups(network, params), batch, loss, lesson.held_out, lengths)
    train(course, params, seed=seed, device=device, folder=folder, note=note)


def _padded(rows: Sequence[Sequence[int]], filling: int) -> Any:
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filling] * (longest - len(row))] for row in rows])


def _groups(network: Any, params: TrainerParams) -> list[dict[str, Any]]:
    """Matrices decay, biases and the weights of norms do not."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    return [
        {"params": [w for w in weights if w.dim() > 1], "lr": params.rate, "weight_decay": params.weight_decay},
        {"params": [w for w in weights if w.dim() <= 1], "lr": params.rate, "weight_decay": 0.0},
    ]
