"""Whether the amounts of money in the needs can be: what a user must change in them, said before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from merits.core.errors import RequirementError
from merits.core.needs import Needs
from merits.core.validate import did_you_mean

__all__ = ["RANGED", "check_amounts"]

RANGED = (
    "worth_of_solved",
    "loss_of_wrong",
    "loss_of_abstaining",
    "price_of_waiting",
    "review_price",
    "volume_per_month",
)
"""The amounts that a range may be given for."""

_MORE = ("free_wait_s", "tie_margin", "price_of_label")


def check_amounts(needs: Needs, classes: Sequence[str]) -> None:
    """Nothing; raises `RequirementError` for an amount that cannot be, naming it and the next step.

    `classes` are those of the task; none for a generation.
    """
    for name, amount in _amounts(needs):
        if amount is not None and not (math.isfinite(amount) and amount >= 0.0):
            raise RequirementError(f"needs: {name} is {amount:g}.", "Give a number that is 0 or more.")
    for name, amount in (("horizon_months", needs.horizon_months), ("peak_load", needs.peak_load)):
        if not (math.isfinite(amount) and amount > 0.0):
            raise RequirementError(f"needs: {name} is {amount:g}.", "Give a number above 0.")
    _check_classes(needs, classes)
    _check_review(needs)
    _check_ranges(needs)


def _amounts(needs: Needs) -> Iterator[tuple[str, float | None]]:
    for name in (*RANGED, *_MORE):
        yield name, getattr(needs, name)
    for target, said in needs.loss_by_class.items():
        for label, loss in said.items():
            yield f"loss_by_class[{target}][{label}]", loss


def _check_classes(needs: Needs, classes: Sequence[str]) -> None:
    if needs.loss_by_class and not classes:
        raise RequirementError(
            "needs: loss_by_class, but the task has no classes.", "Use loss_of_wrong: one loss for every mistake."
        )
    for target, said in needs.loss_by_class.items():
        for label in (target, *said):
            if label not in classes:
                found = f"needs: loss_by_class names {label!r}, which is no class of this task."
                raise RequirementError(found, did_you_mean(label, classes))
        if said.get(target):
            found = f"needs: loss_by_class gives {target!r} said of {target!r} a loss, and that is no mistake."
            raise RequirementError(found, "Leave it out: what a solved case is worth is worth_of_solved.")


def _check_review(needs: Needs) -> None:
    if (needs.review_price is None) != (needs.review_below is None):
        missing = "review_below" if needs.review_below is None else "review_price"
        raise RequirementError(
            f"needs: {missing} is missing.",
            "Give review_price (money for each look) and review_below (the confidence) together.",
        )
    if needs.review_below is not None and not 0.0 <= needs.review_below <= 1.0:
        raise RequirementError(
            f"needs: review_below is {needs.review_below:g}.", "A confidence is from 0 to 1: 0.8 reviews all below it."
        )


def _check_ranges(needs: Needs) -> None:
    for name, (low, high) in needs.ranges.items():
        if name not in RANGED:
            raise RequirementError(f"needs: there is no range of {name!r}.", did_you_mean(name, RANGED))
        if not (math.isfinite(low) and math.isfinite(high) and 0.0 <= low <= high):
            raise RequirementError(
                f"needs: the range of {name} is {low:g} to {high:g}.", "Give its 10 % point, then its 90 % point."
            )
