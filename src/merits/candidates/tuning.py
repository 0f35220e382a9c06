"""How an encoder is fine-tuned: AdamW, a schedule with warm-up, early stopping, and a checkpoint after each epoch.

Knows nothing about where the texts are from. Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization",
arXiv 1711.05101; the schedule is that of Devlin et al. (2019), arXiv 1810.04805.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.checkpoints import Checkpoint
from merits.candidates.encoder import Encoder
from merits.candidates.soft import Soft, soft_loss

__all__ = ["Lesson", "TuningParams", "tune"]

_NO_DECAY = ("bias", "LayerNorm.weight", "layer_norm.weight", "norm.weight")
_TOGETHER = 64  # held-out texts that are computed at once


class TuningParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How it is trained."""

    epochs: Annotated[int, msgspec.Meta(ge=1, description="How often all examples are seen, at most.")] = 4
    batch_size: Annotated[int, msgspec.Meta(ge=1, description="Examples of one step.")] = 16
    learning_rate: Annotated[float, msgspec.Meta(gt=0, description="Largest rate of the encoder.")] = 5e-5
    head_learning_rate: Annotated[float, msgspec.Meta(gt=0, description="Largest rate of the linear head.")] = 1e-3
    weight_decay: Annotated[float, msgspec.Meta(ge=0, description="Decay of AdamW, of weights but not of biases.")] = (
        0.01
    )
    warmup: Annotated[float, msgspec.Meta(ge=0, lt=1, description="Share of the steps in which the rate rises.")] = 0.1
    patience: Annotated[
        int, msgspec.Meta(ge=1, description="Stop after so many epochs without a better loss on what is held out.")
    ] = 2


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
    checkpoint: Checkpoint | None,
    note: Callable[[str], None],
) -> None:
    """Nothing; the encoder is that of the epoch whose loss on the held-out texts was least.

    Deterministic on a processor: what a killed training would have come to, it comes to when it goes on.
    """
    torch = encoder.torch
    learned = np.flatnonzero(~lesson.held_out)
    n_steps = params.epochs * math.ceil(len(learned) / params.batch_size)
    optimiser = torch.optim.AdamW(_groups(encoder, params))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _rising_and_falling(n_steps, params.warmup))
    state = (checkpoint.load(encoder.device) if checkpoint else None) or {"epoch": 0, "best": None, "waited": 0}
    if not state.get("done") and state["epoch"]:
        encoder.network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        note(f"training goes on after epoch {state['epoch']}")
    while not state.get("done"):
        epoch = int(state["epoch"])
        order = np.random.default_rng([seed, epoch]).permutation(learned)
        for start in range(0, len(order), params.batch_size):
            _step(encoder, lesson, order[start : start + params.batch_size], optimiser)
            schedule.step()
        loss = _loss(encoder, lesson, np.flatnonzero(lesson.held_out))
        better = state["best"] is None or loss <= state["best"]
        weights = {name: tensor.detach().clone() for name, tensor in encoder.network.state_dict().items()}
        waited = 0 if better else state["waited"] + 1
        state = {
            "epoch": epoch + 1,
            "best": loss if better else state["best"],
            "best_network": weights if better else state["best_network"],
            "waited": waited,
        }
        if epoch + 1 >= params.epochs or waited >= params.patience:
            state["done"] = True
        if checkpoint:
            running = {"network": weights, "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
            checkpoint.save(state if state.get("done") else {**state, **running})
    encoder.network.load_state_dict(state["best_network"])


def _groups(encoder: Encoder, params: TuningParams) -> list[dict[str, Any]]:
    body = list(encoder.network.body.named_parameters())
    decayed = [weight for name, weight in body if not name.endswith(_NO_DECAY)]
    plain = [weight for name, weight in body if name.endswith(_NO_DECAY)]
    head = list(encoder.network.head.parameters())
    return [
        {"params": decayed, "lr": params.learning_rate, "weight_decay": params.weight_decay},
        {"params": plain, "lr": params.learning_rate, "weight_decay": 0.0},
        {"params": head, "lr": params.head_learning_rate, "weight_decay": params.weight_decay},
    ]


def _rising_and_falling(n_steps: int, warmup: float) -> Callable[[int], float]:
    """The rate at a step as a share of the largest: straight up over the warm-up, straight down to 0 after it.

    >>> rate = _rising_and_falling(10, 0.2)
    >>> [round(rate(step), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """
    rising = round(warmup * n_steps)
    return lambda step: min((step + 1) / max(rising, 1), (n_steps - step) / max(n_steps - rising, 1))


def _step(encoder: Encoder, lesson: Lesson, places: NDArray[np.intp], optimiser: Any) -> None:
    """One step down the slope of the log loss of some texts."""
    torch = encoder.torch
    encoder.network.train()
    scores = encoder.logits([lesson.texts[at] for at in places])
    loss = _loss_of(encoder, scores, lesson, places)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(encoder.network.parameters(), 1.0)
    optimiser.step()


def _loss_of(encoder: Encoder, scores: Any, lesson: Lesson, places: NDArray[np.intp]) -> Any:
    torch = encoder.torch
    if lesson.soft is None:
        codes = torch.tensor([lesson.codes[at] for at in places], device=encoder.device)
        return torch.nn.functional.cross_entropy(scores, codes)
    shares = torch.tensor(lesson.soft.shares[places], dtype=torch.float32, device=encoder.device)
    return soft_loss(scores, shares, lesson.soft.temperature)


def _loss(encoder: Encoder, lesson: Lesson, places: NDArray[np.intp]) -> float:
    """The mean log loss of some texts; without any, 0: then the last epoch is kept."""
    if lesson.soft is not None:
        return _soft_loss(encoder, lesson, places)
    losses = []
    for start in range(0, len(places), _TOGETHER):
        chosen = places[start : start + _TOGETHER]
        for row, at in zip(encoder.shares([lesson.texts[at] for at in chosen]), chosen, strict=True):
            losses.append(-math.log(max(row[lesson.codes[at]], 1e-12)))
    return math.fsum(losses) / len(losses) if losses else 0.0


def _soft_loss(encoder: Encoder, lesson: Lesson, places: NDArray[np.intp]) -> float:
    torch, total = encoder.torch, 0.0
    encoder.network.eval()
    with torch.inference_mode():
        for start in range(0, len(places), _TOGETHER):
            chosen = places[start : start + _TOGETHER]
            scores = encoder.logits([lesson.texts[at] for at in chosen])
            total += float(_loss_of(encoder, scores, lesson, chosen)) * len(chosen)
    return total / len(places) if len(places) else 0.0
