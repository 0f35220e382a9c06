"""What a decision says about money beside the verdict: plain data, every measured number an `Estimate`.

Amounts that the user gave (a worth, a volume) are plain numbers: nothing about them was measured.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from merits.core.estimate import Estimate, Unit

__all__ = [
    "BreakEven",
    "Curve",
    "CurveLine",
    "Economics",
    "Hosting",
    "Labelling",
    "LabellingOption",
    "Payback",
    "Place",
    "Position",
    "Swing",
]

Place: TypeAlias = Literal["on the frontier", "possibly dominated", "certainly dominated"]


class BreakEven(msgspec.Struct, frozen=True, kw_only=True):
    """Where one input turns the choice between two: under it `below` brings more, above it `above` does.

    `now` is the input today, None where it was not given. `at` has no value where no amount turns it as it looks, and
    no upper end where the data do not exclude that none does.
    """

    input: str
    below: str
    above: str
    now: float | None
    at: Estimate
    text: str


class Swing(msgspec.Struct, frozen=True, kw_only=True):
    """What one input, moved alone from `low` to `high`, does to the net value of a case of the named candidate.

    `basis` tells whether these are 10 % and 90 % points that were declared or measured, or half and twice the amount
    because nobody said how sure it is. `leads_low` and `leads_high` look best there; `switch` is where that changes.
    """

    input: str
    basis: Literal["declared", "measured", "half and twice"]
    low: float
    high: float
    unit: Unit
    at_low: Estimate
    at_high: Estimate
    leads_low: str
    leads_high: str
    switch: Estimate | None = None

    @property
    def size(self) -> float:
        """How far the net value of a case moves."""
        return abs((self.at_high.value or 0.0) - (self.at_low.value or 0.0))


class Payback(msgspec.Struct, frozen=True, kw_only=True):
    """What changing from `baseline` to `candidate` takes once and brings back.

    `investment` is the one-off cost and, where that is known, what this evaluation cost; `evaluation_cost` is None
    where a price is missing, and then not in it. `months` has no upper end where it may never pay back. A return is
    only counted where more is paid once than this evaluation.
    """

    candidate: str
    baseline: str
    investment: float
    evaluation_cost: float | None
    gain_per_month: Estimate
    months: Estimate | None
    return_on_investment: Estimate | None
    horizon_months: float
    text: str


class Hosting(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of one's own, kept on, against paying another candidate by the case.

    `capacity` is in cases a month and machine. From `volume` on it pays, at that `utilisation` of the machines it
    takes; past `always_from` no step of another machine makes it dearer again.
    """

    own: str
    other: str
    machine_per_month: float
    capacity: Estimate
    volume: Estimate
    always_from: Estimate
    utilisation: Estimate
    now: str
    text: str


class LabellingOption(msgspec.Struct, frozen=True, kw_only=True):
    """So many more examples: what they are worth over the horizon, and what labelling and asking them takes."""

    n_more: int
    worth: Estimate
    price: float


class Labelling(msgspec.Struct, frozen=True, kw_only=True):
    """Whether more examples pay: the worth of knowing everything, and of some numbers of examples against their price.

    `best` is the option that brings most, None where none pays or a price is missing.
    """

    perfect: Estimate
    options: tuple[LabellingOption, ...]
    best: LabellingOption | None
    text: str


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a candidate stands when nothing is weighed against anything: quality, cost, latency, robustness.

    `by` names one that dominates it (or may). `drop` is the loss of quality under perturbation, where measured.
    """

    candidate: str
    place: Place
    by: str = ""
    drop: Estimate | None = None


class CurveLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate brings a case more than the subject over an input, with the ends of the paired interval."""

    candidate: str
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """What the nearest rivals bring more than the subject over one input, and where they meet."""

    input: str
    subject: str
    now: float | None
    at: tuple[float, ...]
    lines: tuple[CurveLine, ...]
    crossings: tuple[BreakEven, ...]
    level: float
    n: int


class Economics(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about money beside the verdict. Empty parts have nothing to say: no price, no worth, no volume.

    `net_value_now` is where the swings start: the subject's net value of a case, which its standing has with interval.
    """

    subject: str
    currency: str
    net_value_now: float | None = None
    break_evens: tuple[BreakEven, ...] = ()
    tornado: tuple[Swing, ...] = ()
    curves: tuple[Curve, ...] = ()
    payback: Payback | None = None
    hosting: tuple[Hosting, ...] = ()
    labelling: Labelling | None = None
    positions: tuple[Position, ...] = ()
    positions_method: str = ""
    dimensions: tuple[str, ...] = ()
    fixed_per_case: dict[str, float] = {}
