"""The user's bar and economics, apart from the task, so that deciding again costs nothing."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Needs", "Requirement"]


class Requirement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One bar that a candidate must clear with a confidence: `accuracy >= 0.90 @ 95%`.

    `of` narrows the metric (`recall[fraud]`: of = "fraud"). Seconds and money are in base units: "800 ms" is 0.8.
    `text` is what the user wrote. Parsing text is `merits.tasks.parse_requirement`.

    At most one view of the metric is set. `by` names slices: the worst of them must clear the bar. `under` names a
    perturbation: the bar is on the drop, the metric on the examples as they are minus that on the perturbed ones.
    `against` names a candidate ("incumbent" is the one in use): the bar is on this candidate minus that one, so a bar
    of -0.01 lets it be worse by one point.

    With the operators "in" and "not in" it is a fact that is required, not a measure: `metric` is a key of the
    candidate's metadata and `values` are those allowed (or not) there. `on-premises` is metric = "on-premises", op =
    "in", values = ("true",).

    >>> print(Requirement("recall", ">=", 0.8, of="fraud", by="language"))
    worst_slice(recall[fraud] by language) >= 0.8
    >>> print(Requirement("licence", "in", values=("MIT", "Apache-2.0")))
    licence in [MIT, Apache-2.0]
    """

    metric: str
    op: Literal[">=", "<=", "in", "not in"]
    bar: float = 0.0
    of: str = ""
    confidence: float = 0.95
    text: str = ""
    by: str = ""
    under: str = ""
    against: str = ""
    values: tuple[str, ...] = ()

    @property
    def is_fact(self) -> bool:
        """Whether it is about what a candidate's metadata says, which no evaluation measures."""
        return self.op in ("in", "not in")

    @property
    def is_plain(self) -> bool:
        """Whether the bar is on the metric itself: no fact, slice, drop or difference."""
        return not (self.is_fact or self.by or self.under or self.against)

    @property
    def subject(self) -> str:
        """What the bar is on: `recall[fraud]`, `drop(accuracy under typos)`, `accuracy minus rules`."""
        name = f"{self.metric}[{self.of}]" if self.of else self.metric
        if self.by:
            return f"worst_slice({name} by {self.by})"
        if self.under:
            return f"drop({name} under {self.under})"
        return f"{name} minus {self.against}" if self.against else name

    def __str__(self) -> str:
        if self.text:
            return self.text
        if self.is_fact:
            return self.metric if self.values == ("true",) else f"{self.metric} {self.op} [{', '.join(self.values)}]"
        if self.against:
            return f"{self.subject.rsplit(' minus ', 1)[0]} non-inferior to {self.against} by {-self.bar:g}"
        return f"{self.subject} {self.op} {self.bar:g}"


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
