"""Why what a candidate costs is unknown, in words that end in what to write."""

from __future__ import annotations

from merits.core.evaluation import Evaluation
from merits.core.needs import Needs
from merits.deciding.amounts import listed
from merits.deciding.fixed import fixed_per_case

__all__ = ["why_unpriced"]


def why_unpriced(evaluation: Evaluation, k: int, needs: Needs) -> str:
    """Why the cost of candidate k is unknown, as what follows its name; "has no price" where nothing else explains it.

    >>> from merits.testing.evaluations import tiny
    >>> why_unpriced(tiny(), 1, Needs())
    'has no price'
    """
    candidate = evaluation.candidates[k]
    if fixed_per_case(candidate, needs) is None:
        return "has costs that are paid once or by month, and no volume_per_month says over how many cases"
    price = candidate.price
    if price is None or price.is_fixed_only:
        return "has no price"
    served = [name for name, mask in evaluation.services.items() if mask[k].any()]
    unsaid = [name for name in served if any(name not in tariff.services for tariff in price.tariffs)]
    if all(tariff.batch_factor is not None for tariff in price.tariffs):
        unsaid = [name for name in unsaid if name != "batch"]
    if not unsaid:
        return "has no price for all that its answers used"
    how = "batch_factor: 0.5, or " if "batch" in unsaid else ""
    return f"has a price that says nothing of answers served as {listed(unsaid)} ({how}services: {{{unsaid[0]}: ...}})"
