"""How a transformer is trained, whatever it learns: the parameters that all kinds that fine-tune share."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["Lora", "TrainerParams"]


class Lora(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Train two small factors beside each chosen layer instead of the layer itself (Hu et al. 2022, arXiv 2106.09685).

    They are merged into the layers before anything is answered, so that an answer takes no longer.
    """

    rank: Annotated[int, msgspec.Meta(ge=1, le=1024, description="Inner size of the factors.")] = 8
    alpha: Annotated[
        float, msgspec.Meta(gt=0, description="What the factors add is scaled by alpha over the rank.")
    ] = 16.0
    dropout: Annotated[
        float, msgspec.Meta(ge=0, lt=1, description="Share of the factors' inputs that is left out in training.")
    ] = 0.0
    targets: Annotated[
        str | tuple[str, ...],
        msgspec.Meta(description="Endings of the layers' names, as peft takes them; all-linear: every linear layer."),
    ] = "all-linear"


class TrainerParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How it is trained."""

    epochs: Annotated[int, msgspec.Meta(ge=1, description="How often all examples are seen, at most.")] = 4
    batch_size: Annotated[int, msgspec.Meta(ge=1, description="Examples of one step, over all processes together.")] = (
        16
    )
    learning_rate: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        msgspec.Meta(description="The largest one. Default: 0.00005, and 0.0005 with `lora`."),
    ] = None
    weight_decay: Annotated[float, msgspec.Meta(ge=0, description="Decay of AdamW, of weights but not of biases.")] = (
        0.01
    )
    warmup: Annotated[float, msgspec.Meta(ge=0, lt=1, description="Share of the steps in which the rate rises.")] = 0.1
    patience: Annotated[
        int, msgspec.Meta(ge=1, description="Stop after so many epochs without a better loss on what is held out.")
    ] = 2
    held_out: Annotated[
        float,
        msgspec.Meta(gt=0, lt=0.9, description="Share of dev that decides when to stop and is not learned from."),
    ] = 0.1
    lora: Annotated[
        Lora | None, msgspec.Meta(description="Train an adapter (package peft), and not the whole network.")
    ] = None
    processes: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=64,
            description="Train in so many processes on this machine, one thread each (one GPU each where there are).",
        ),
    ] = 1

    @property
    def rate(self) -> float:
        """The largest learning rate of what was there before."""
        return self.learning_rate or (5e-5 if self.lora is None else 5e-4)

    def __post_init__(self) -> None:
        if self.batch_size % self.processes:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared out evenly over {self.processes} processes: "
                f"take {self.batch_size - self.batch_size % self.processes or self.processes}"
            )
