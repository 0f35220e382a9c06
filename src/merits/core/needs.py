"""The user's bar and economics, apart from the task, so that deciding again costs nothing."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Needs", "Requirement"]


class Requirement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One bar that a candidate must clear with a confidence: `accuracy >= 0.90 @ 95%`.

    `of` narrows the metric (`recall[fraud]`: of = "fraud"). Seconds and money are in base units: "800 ms" is 0.8.
    `text` is what the user wrote. Parsing text is `merits.tasks.parse_requirement`.
    """

    metric: str
    op: Literal[">=", "<="]
    bar: float
    of: str = ""
    confidence: float = 0.95
    text: str = ""

    def __str__(self) -> str:
        return self.text or f"{self.metric}{f'[{self.of}]' if self.of else ''} {self.op} {self.bar:g}"


class Needs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user needs: requirements, and what a case is worth.

    `worth_of_solved` and `loss_of_wrong` are money per case, in `currency`; with a worth, candidates are compared by
    expected net value per case, without one by quality. `volume_per_month` is in cases. `confidence` is that of the
    comparison (its complement bounds the probability of a false "better"). `tie_margin` is the largest loss of
    quality (0.1 = 10 points) that the data may leave open when a cheaper candidate is taken for a tied one: past it
    the verdict is "undecided". `incumbent` names the candidate in use today: it stays unless another is better.

    `loss_by_class` maps a target to what was said to the loss of that mistake; mistakes not in it cost
    `loss_of_wrong`. With a `loss_of_abstaining` an answer that names nothing is no mistake but costs that much; None
    means that abstaining is not allowed, so it is wrong. A second of waiting past `free_wait_s` costs
    `price_of_waiting`. Answers of a confidence below `review_below` are looked at by a person, who solves the case
    for `review_price`; both or neither are given.

    One-off costs are spread over the volume of `horizon_months`. The busiest hour of a machine of one's own brings
    `peak_load` times the mean load. `price_of_label` is what it costs to label one more example. `ranges` holds the
    10 % and the 90 % point of an amount that is not known for sure: {"worth_of_solved": (0.3, 0.8)}.
    """

    requirements: tuple[Requirement, ...] = ()
    worth_of_solved: float | None = None
    loss_of_wrong: float = 0.0
    volume_per_month: float | None = None
    currency: str = "USD"
    confidence: float = 0.95
    tie_margin: float = 0.10
    incumbent: str = ""
    loss_by_class: dict[str, dict[str, float]] = {}
    loss_of_abstaining: float | None = None
    price_of_waiting: float = 0.0
    free_wait_s: float = 0.0
    review_price: float | None = None
    review_below: float | None = None
    horizon_months: float = 12.0
    peak_load: float = 1.0
    price_of_label: float | None = None
    ranges: dict[str, tuple[float, float]] = {}
