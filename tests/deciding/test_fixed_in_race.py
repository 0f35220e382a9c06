"""A race by net value counts what is paid once, as the decision does."""

from __future__ import annotations

import dataclasses

import msgspec

from merits.core.candidate import Price
from merits.core.needs import Needs
from merits.core.racing import Racing
from merits.deciding.decide import decide
from tests.deciding.test_racing import raced, truth


def test_a_better_candidate_that_costs_too_much_once_loses_the_race() -> None:
    """0.20 better a case, but 1,200 once over 1,200 cases a year."""
    whole = truth({"plain": 0.7, "tuned": 0.9}, cost={"plain": 0.0, "tuned": 0.0})
    tuned = msgspec.structs.replace(whole.candidates[1], price=Price(per_call=0.0, one_off=1200.0))
    whole = dataclasses.replace(whole, candidates=(whole.candidates[0], tuned))
    needs = Needs(worth_of_solved=1.0, volume_per_month=100.0)
    evaluation, _ = raced(whole, Racing(), needs)
    assert (evaluation.status != 0).mean() < 0.5
    assert evaluation.raced is not None
    assert decide(evaluation, needs).candidate == "plain"
    many = msgspec.structs.replace(needs, volume_per_month=1e6)
    assert decide(raced(whole, Racing(), many)[0], many).candidate == "tuned"
