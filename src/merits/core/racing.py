"""What a race is told, and what it asks for: the words between whoever decides and whoever asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation, Raced

__all__ = ["Budget", "Racing", "Round", "Schedule"]


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """The most that may be spent: an amount of money in `unit` (USD), or a number of "calls".

    >>> Budget.of("5 USD"), Budget.of("2,000 calls")
    (Budget(amount=5.0, unit='USD'), Budget(amount=2000.0, unit='calls'))
    """

    amount: float
    unit: str

    @classmethod
    def of(cls, text: str) -> Budget:
        """The budget that a text states; UsageError for what is none."""
        found = re.fullmatch(r"\s*([\d,]*\.?\d+)\s*([A-Z]{3}|calls?)\s*", text)
        if found is None:
            raise UsageError(f"{text!r} is no budget.", "Write it like '5 USD' or '2000 calls'.")
        unit = "calls" if found[2].startswith("call") else found[2]
        return cls(float(found[1].replace(",", "")), unit)

    def __str__(self) -> str:
        return f"{self.amount:,g} {self.unit}"


class Racing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How candidates race: all that are still in it are asked the same examples, and who cannot be the best is dropped.

    `certified`: the probability of ever dropping the best is at most `delta`, whenever one looks. `economy` asks for
    less and its error was measured ("calibrated, not certified"). `target` is what "the best" is meant of: of future
    `traffic` like these examples, or only of these `examples`, which is certain sooner. `at_once` is the least number
    of examples in a round, `budget` the most that may be spent.
    """

    mode: Literal["certified", "economy"] = "certified"
    target: Literal["traffic", "examples"] = "traffic"
    delta: float = 0.05
    budget: Budget | None = None
    at_once: int = 8

    def __post_init__(self) -> None:
        if not 0.0 < self.delta < 0.5:
            raise UsageError(f"the error probability of a race is {self.delta:g}.", "Give one from 0 to 0.5: 0.05.")


@dataclass(frozen=True)
class Round:
    """Whom to ask which rows next, and what to tell whoever watches. Rows are numbers into the evaluation's."""

    candidates: tuple[int, ...]
    rows: NDArray[np.integer]
    notes: tuple[str, ...] = ()


Schedule: TypeAlias = Callable[[Evaluation], "Generator[Round, Evaluation, Raced]"]
"""Ask and tell: is handed what is known before anything is asked, yields rounds, is sent what is known after each, and
returns how it went. It asks nothing itself."""
