"""What a race is told, and what it asks for: the words between whoever decides and whoever asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation, Raced

__all__ = ["UNLIMITED", "Allowance", "Budget", "Racing", "Round", "Schedule", "Unlimited", "largest", "places"]


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """The most that one run may spend: money in `unit` (USD), or a number of "calls", "tokens" or "minutes".

    >>> Budget.of("5 USD"), Budget.of("2,000 calls"), Budget.of("1.5M tokens")
    (Budget(amount=5.0, unit='USD'), Budget(amount=2000.0, unit='calls'), Budget(amount=1500000.0, unit='tokens'))
    """

    amount: float
    unit: str

    @classmethod
    def of(cls, text: str) -> Budget:
        """The budget that a text states; UsageError for what is none."""
        found = re.fullmatch(r"\s*([\d,]*\.?\d+)\s*([kM]?)\s*([A-Z]{3}|(?:call|token|minute)s?)\s*", text)
        if found is None:
            raise UsageError(f"{text!r} is no budget.", "Write '5 USD', '2000 calls', '1M tokens' or '10 minutes'.")
        unit = found[3] if found[3].isupper() else f"{found[3].removesuffix('s')}s"
        return cls(float(found[1].replace(",", "")) * {"": 1.0, "k": 1e3, "M": 1e6}[found[2]], unit)

    @property
    def is_money(self) -> bool:
        """Whether it is an amount of money, and `unit` a currency."""
        return self.unit.isupper()

    def __str__(self) -> str:
        return f"{self.amount:,.12g} {self.unit}"


class Allowance(Protocol):
    """What a schedule may still have asked, by what a budget leaves.

    `affords` is whether asking these candidates these rows, as far as they have not been asked, is likely to keep it;
    with `times`, also when it costs so many times what is expected. `waits_for` (candidates,) is who was asked some of
    these rows (all, unless given) and has not answered yet.
    """

    @property
    def ended(self) -> bool: ...

    def affords(self, candidates: Sequence[int], rows: NDArray[np.integer], *, times: int = 1) -> bool: ...

    def waits_for(self, candidates: Sequence[int], rows: NDArray[np.integer] | None = None) -> NDArray[np.bool_]: ...


class Unlimited:
    """No budget."""

    ended = False

    def affords(self, candidates: Sequence[int], rows: NDArray[np.integer], *, times: int = 1) -> bool:
        """True."""
        return True

    def waits_for(self, candidates: Sequence[int], rows: NDArray[np.integer] | None = None) -> NDArray[np.bool_]:
        """Nobody: whoever asks waits for everybody."""
        return np.zeros(len(candidates), np.bool_)


UNLIMITED = Unlimited()


def largest(affords: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that is afforded, where less is afforded whenever more is; 0 when none is.

    >>> largest(lambda n: n <= 37, 1000)
    37
    """
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        low, most = (middle, most) if affords(middle) else (low, middle - 1)
    return low


def places(group: NDArray[np.integer], seed: int) -> NDArray[np.int32]:
    """The place of each row's unit (rows of one group) in a random order: (rows,). The same for the same seed.

    >>> places(np.array([5, 5, 9]), seed=0).tolist() in ([0, 0, 1], [1, 1, 0])
    True
    """
    _, unit = np.unique(group, return_inverse=True)
    order = np.random.default_rng(seed).permutation(int(unit.max()) + 1)
    return order.astype(np.int32)[unit]


class Racing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How candidates race: all that are still in it are asked the same examples, and who cannot be the best is dropped.

    `certified`: the probability of ever dropping the best is at most `delta`, whenever one looks. `economy` asks for
    less and its error was measured ("calibrated, not certified"). `target` is what "the best" is meant of: of future
    `traffic` like these examples, or only of these `examples`, which is certain sooner. `at_once` is the least number
    of examples in a round.
    """

    mode: Literal["certified", "economy"] = "certified"
    target: Literal["traffic", "examples"] = "traffic"
    delta: float = 0.05
    at_once: int = 8

    def __post_init__(self) -> None:
        if not 0.0 < self.delta < 0.5:
            raise UsageError(f"the error probability of a race is {self.delta:g}.", "Give one from 0 to 0.5: 0.05.")


@dataclass(frozen=True)
class Round:
    """Whom to ask which rows next, and what to tell whoever watches. Rows are numbers into the evaluation's.

    It ends when all of them have answered, or most have and some take far longer. `behind` is what those are asked
    next who are late already: nobody waits for them, but in a round without candidates, which ends when one of all who
    still answer has.
    """

    candidates: tuple[int, ...]
    rows: NDArray[np.integer]
    notes: tuple[str, ...] = ()
    behind: Mapping[int, NDArray[np.integer]] = field(default_factory=dict)

    @classmethod
    def waiting(cls, behind: Mapping[int, NDArray[np.integer]] | None = None, notes: tuple[str, ...] = ()) -> Round:
        """A round in which only those who are behind are asked, and waited for."""
        return cls((), np.zeros(0, np.int64), notes, behind or {})


class Schedule(Protocol):
    """Ask and tell: is handed what is known before anything is asked and what it may have asked, yields rounds, is sent
    what is known after each, and returns how it went (None: it was no race). It asks nothing itself.
    """

    def __call__(
        self, known: Evaluation, allowance: Allowance = UNLIMITED, /
    ) -> Generator[Round, Evaluation, Raced | None]: ...
