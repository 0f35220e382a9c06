"""Whether an evaluation and needs can be decided on at all; if not, what to change."""

from __future__ import annotations

import math

import numpy as np

from merits.core.errors import RequirementError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.needs import Needs, Requirement
from merits.deciding.metrics import check_requirement
from merits.deciding.priced_needs import check_amounts

__all__ = ["check_sound"]

_MONEY = ("cost_per_case", "cost_per_1000", "cost_per_solved", "net_value_per_case")


def check_sound(evaluation: Evaluation, needs: Needs) -> None:
    """Nothing; raises `RequirementError` for needs and `UsageError` for costs that no decision can rest on."""
    _check_confidence(needs.confidence, "needs")
    check_amounts(needs, () if evaluation.labels is None else evaluation.labels.classes)
    _check_costs(evaluation)
    for requirement in needs.requirements:
        _check_confidence(requirement.confidence, str(requirement))
        if not math.isfinite(requirement.bar):
            raise RequirementError(f"The bar of {requirement} is {requirement.bar}.", "Give a number.")
        check_requirement(requirement, evaluation)
        _check_rival(requirement, needs, evaluation)
    _check_currency(evaluation, needs)


def _check_rival(requirement: Requirement, needs: Needs, evaluation: Evaluation) -> None:
    if requirement.against == "incumbent" and not needs.incumbent and "incumbent" not in evaluation.names:
        raise RequirementError(
            f"{requirement}: the needs name no incumbent.",
            "Set `incumbent:`, or name a candidate: non-inferior to NAME.",
        )


def _check_confidence(confidence: float, where: str) -> None:
    if not 0.5 <= confidence < 1.0:
        raise RequirementError(
            f"The confidence of {where} is {confidence:g}: no data give certainty, and under 0.5 is a guess.",
            "Give a number from 0.5 to below 1, such as 0.95.",
        )


def _check_costs(evaluation: Evaluation) -> None:
    costs = evaluation.cost
    impossible = ~(np.isfinite(costs) & (costs >= 0.0))
    for k in np.flatnonzero(evaluation.priced & impossible.any(axis=1)):
        bad = costs[k][impossible[k]]
        many = "1 cost that is" if len(bad) == 1 else f"{len(bad):,} costs that are"
        raise UsageError(
            f"{evaluation.names[k]} has {many} no amount of money, such as {bad[0]:g}.",
            "Correct its price (price: in its recipe, or the price table) and decide again; nothing is asked again.",
        )


def _check_currency(evaluation: Evaluation, needs: Needs) -> None:
    wants_money = needs.worth_of_solved is not None or any(r.metric in _MONEY for r in needs.requirements)
    has_money = bool(np.any(evaluation.cost[evaluation.priced] != 0.0))
    if wants_money and has_money and needs.currency != evaluation.currency:
        raise RequirementError(
            f"the needs are in {needs.currency}, the costs in {evaluation.currency}.",
            f"Give both in one currency: needs: currency: {evaluation.currency}, or prices in {needs.currency}.",
        )
