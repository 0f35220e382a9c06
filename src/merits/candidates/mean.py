"""Always the mean of the training targets, or their median: what a forecast reaches by knowing nothing of the input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Literal

import msgspec

from merits.candidates.keeping import keep_json, kept_json
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.doors import Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.task import Example

__all__ = ["Mean", "Params", "load"]

ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Answers every input with the mean or the median of dev's targets, and with their quantiles."""

    of: Annotated[
        Literal["mean", "median"],
        msgspec.Meta(description="mean: best by squared errors (rmse, r2). median: best by absolute ones (mae)."),
    ] = "mean"
    quantiles: Annotated[
        tuple[float, ...], msgspec.Meta(description="Quantiles of dev's targets that are said with every answer.")
    ] = (0.05, 0.5, 0.95)

    def __post_init__(self) -> None:
        if not all(0.0 < quantile < 1.0 for quantile in self.quantiles):
            raise ValueError("a quantile is between 0 and 1")


class Mean:
    """A model that says one number, and quantiles that are those of the targets it was fitted on."""

    concurrency = None

    def __init__(self, params: Params) -> None:
        self._params = params
        self._answer: Answer | None = None
        self.fingerprint = content_hash(["mean 1"])

    def fit(self, examples: Sequence[Example]) -> None:
        """Take the mean or the median of the targets; CandidateError where there is none, or one is no number."""
        targets = [example.target for example in examples if example.target is not None]
        if not targets:
            raise CandidateError("there is no example with a target to learn from.", "Add examples to the dev split.")
        try:
            numbers = [float(str(target)) for target in targets]
        except ValueError as problem:
            raise CandidateError(f"a mean is of numbers only: {problem}.", "Take most-common instead.") from None
        value = fmean(numbers) if self._params.of == "mean" else median(numbers)
        output: dict[str, JSON] = {"value": value}
        if self._params.quantiles:
            output["quantiles"] = {f"{q:g}": _quantile(numbers, q) for q in sorted(self._params.quantiles)}
        self._answer = Answer(output)

    async def answer(self, input: JSON) -> Answer:
        """The number; RuntimeError before `fit`."""
        if self._answer is None:
            raise RuntimeError("asked before it was fitted")
        return self._answer

    def keep(self, folder: Path) -> None:
        """Writes the answer."""
        if self._answer is None:
            raise RuntimeError("kept before it was fitted")
        keep_json(self._answer, folder / "answer.json")

    def restore(self, folder: Path) -> None:
        """Takes the answer that `keep` wrote."""
        self._answer = kept_json(folder / "answer.json", Answer)

    async def close(self) -> None:
        """Nothing is held."""


def load(params: Params, context: LoadContext) -> Trainable:
    """A model that learns nothing but the mean of the targets, or their median.

    >>> import asyncio
    >>> model = load(Params(quantiles=(0.5,)), LoadContext())
    >>> model.fit([Example("1", "a", 1), Example("2", "b", 2), Example("3", "c", 6)])
    >>> asyncio.run(model.answer("anything")).output
    {'value': 3.0, 'quantiles': {'0.5': 2.0}}
    """
    return Mean(params)


def _quantile(numbers: Sequence[float], quantile: float) -> float:
    """With linear interpolation, as numpy has it."""
    import numpy as np

    return float(np.quantile(np.asarray(numbers), quantile))
