"""What is paid once or by the month, spread over the cases."""

from __future__ import annotations

import dataclasses

import numpy as np

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation
from merits.core.needs import Needs

__all__ = ["fixed_per_case", "fixed_per_month", "has_fixed", "one_off", "spread"]


def spread(evaluation: Evaluation, needs: Needs) -> Evaluation:
    """The evaluation with each candidate's fixed costs added to the cost of every case.

    Where the needs name no volume, what a case of such a candidate costs is unknown: it has no price any more.
    """
    shares = [fixed_per_case(candidate, needs) for candidate in evaluation.candidates]
    if not any(has_fixed(candidate, needs) for candidate in evaluation.candidates):
        return evaluation
    added = np.array([share or 0.0 for share in shares])
    known = np.array([share is not None for share in shares])
    return dataclasses.replace(evaluation, cost=evaluation.cost + added[:, None], priced=evaluation.priced & known)


def has_fixed(candidate: Candidate, needs: Needs) -> bool:
    """Whether anything is still to be paid for it once or by the month."""
    return one_off(candidate, needs) > 0.0 or fixed_per_month(candidate) > 0.0


def one_off(candidate: Candidate, needs: Needs) -> float:
    """What must be paid once before it can be used; nothing for the candidate in use: that is paid already."""
    price = candidate.price
    return 0.0 if price is None or candidate.name == needs.incumbent else price.one_off or 0.0


def fixed_per_month(candidate: Candidate) -> float:
    """What it costs every month whatever is asked."""
    return 0.0 if candidate.price is None else candidate.price.per_month or 0.0


def fixed_per_case(candidate: Candidate, needs: Needs) -> float | None:
    """The fixed costs of a month over its cases, one-off costs in equal parts over the horizon.

    None when there are any and no volume is known.

    >>> from merits.core.candidate import Price
    >>> tuned = Candidate(name="tuned", kind="chat", price=Price(one_off=1200.0, per_month=100.0, per_call=0.01))
    >>> fixed_per_case(tuned, Needs(volume_per_month=1000.0)), fixed_per_case(tuned, Needs())
    (0.2, None)
    """
    if not has_fixed(candidate, needs):
        return 0.0
    if not needs.volume_per_month:
        return None
    monthly = fixed_per_month(candidate) + one_off(candidate, needs) / needs.horizon_months
    return monthly / needs.volume_per_month
