"""Whether a budget affords batches: they cannot be stopped once they are submitted."""

from __future__ import annotations

from merits.core.errors import UsageError
from merits.core.racing import Budget
from merits.evaluating.planning import Plan

__all__ = ["check_affordable"]


def check_affordable(plan: Plan, budget: Budget) -> None:
    """Raises UsageError unless all that would be submitted is likely to keep the budget: a batch cannot be stopped."""
    if budget.unit == "minutes":
        raise UsageError(
            "batches take hours that nobody here decides on.", "Give the budget in money, tokens or calls."
        )
    most = _most(plan, budget)
    if plan.n_to_ask and (most is None or most > budget.amount):
        said = (
            "nobody can tell what they will come to" if most is None else f"they may come to {most:,.4g} {budget.unit}"
        )
        raise UsageError(
            f"batches cannot be stopped once they are submitted, {said}, and the budget is {budget}.",
            "Give the price a `batch_factor`, or run without --batch."
            if most is None and budget.is_money
            else "Give a larger budget, ask fewer (sample:), or run without --batch.",
        )


def _most(plan: Plan, budget: Budget) -> float | None:
    """The upper end of what it is likely to come to, in the budget's unit."""
    if budget.unit == "calls":
        return plan.n_to_ask
    forecast = plan.forecast
    figure = None if forecast is None else forecast.cost if budget.is_money else forecast.tokens
    return None if figure is None else figure.high
