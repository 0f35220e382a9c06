"""What a case is worth: each part of it, and the bounds that a race relies on."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from merits.core.candidate import Price
from merits.core.errors import RequirementError
from merits.core.evaluation import Evaluation, Labels
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.decide import decide
from merits.deciding.fixed import spread
from merits.deciding.values import amounts, components, gain_bounds, net_value_bounds, net_values
from tests.deciding.evaluations import evaluation_of, first

CLASSES = ("fine", "fraud")
TARGET = np.array([0, 0, 1, 1, 0, 1], dtype=np.int32)
SAID = np.array([[0, 1, 1, 0, -1, -1]], dtype=np.int32)
SOLVED = (SAID == TARGET)[0]


def labelled(**more: object) -> Evaluation:
    """Six cases of one candidate: right, false alarm, right, missed fraud, and two that name nothing."""
    labels = Labels(CLASSES, TARGET, SAID)
    given = {"cost": {"a": 0.1}, "labels": labels, **more}
    return evaluation_of({"a": SOLVED}, **given)  # type: ignore[arg-type]


def values(needs: Needs, evaluation: Evaluation) -> list[float]:
    return net_values(Cases(evaluation, POLICIES[0]), needs)[0].round(10).tolist()


def test_each_mistake_costs_what_the_matrix_says_and_others_the_plain_loss() -> None:
    """A missed fraud is dearer than a false alarm; what names nothing is a plain mistake."""
    needs = Needs(worth_of_solved=1.0, loss_of_wrong=2.0, loss_by_class={"fraud": {"fine": 50.0}})
    assert values(needs, labelled()) == [0.9, -2.1, 0.9, -50.1, -2.1, -2.1]


def test_naming_nothing_is_abstaining_only_where_that_is_allowed() -> None:
    """Without a loss of abstaining it stays a wrong answer."""
    allowed = Needs(worth_of_solved=1.0, loss_of_wrong=2.0, loss_of_abstaining=0.25)
    assert values(allowed, labelled()) == [0.9, -2.1, 0.9, -2.1, -0.35, -0.35]
    strict = Needs(worth_of_solved=1.0, loss_of_wrong=2.0)
    assert values(strict, labelled())[4:] == [-2.1, -2.1]


def test_an_empty_answer_of_a_generation_abstains_where_that_is_recorded() -> None:
    """An evaluation that does not record it has wrong answers only."""
    whole = evaluation_of({"a": [True, False, False]}, cost={"a": 0.0})
    needs = Needs(worth_of_solved=1.0, loss_of_wrong=2.0, loss_of_abstaining=0.5)
    silent = dataclasses.replace(whole, silent=np.array([[False, True, False]]))
    assert values(needs, whole) == [1.0, -2.0, -2.0]
    assert values(needs, silent) == [1.0, -0.5, -2.0]


def test_only_the_wait_past_the_free_seconds_costs_and_a_failure_has_none() -> None:
    """What a failed answer took is not known."""
    whole = evaluation_of(
        {"a": [True, True, False]},
        cost={"a": 0.0},
        latency_s={"a": [0.5, 3.0, 9.0]},
        status={"a": [Status.SCORED, Status.SCORED, Status.FAILED]},
    )
    needs = Needs(worth_of_solved=1.0, price_of_waiting=0.1, free_wait_s=1.0)
    assert values(needs, whole) == [1.0, 0.8, 0.0]


def test_a_person_solves_what_the_candidate_was_unsure_of() -> None:
    """Right or wrong: the person is paid and the case is solved. Without a confidence nobody knows to look."""
    labels = Labels(CLASSES, TARGET, SAID, {0: np.array([[0.9, 0.1], [0.4, 0.6]] + [[0.2, 0.8]] * 3 + [[0, 0]])})
    needs = Needs(worth_of_solved=1.0, loss_of_wrong=2.0, review_price=0.3, review_below=0.7)
    assert values(needs, labelled(labels=labels)) == [0.9, 0.6, 0.9, -2.1, -2.1, -2.1]


def test_a_net_value_is_the_sum_of_its_components() -> None:
    """What break-even points are computed from is what candidates are compared by."""
    generator = np.random.default_rng(0)
    labels = Labels(CLASSES, TARGET, SAID, {0: generator.dirichlet([1.0, 1.0], 6).astype(np.float32)})
    whole = labelled(labels=labels, latency_s={"a": generator.exponential(size=6)})
    needs = Needs(
        worth_of_solved=1.0,
        loss_of_wrong=2.0,
        loss_by_class={"fraud": {"fine": 50.0}},
        loss_of_abstaining=0.25,
        price_of_waiting=0.1,
        review_price=0.3,
        review_below=0.7,
    )
    cases = Cases(whole, POLICIES[0])
    parts = components(cases, needs, 0)
    total = sum(amounts(needs)[name] * part for name, part in parts.items())
    assert net_values(cases, needs)[0] == pytest.approx(total)
    low, high = net_value_bounds(needs, most_cost=0.1, most_latency_s=float(whole.latency_s.max()))
    assert (low <= total).all()
    assert (total <= high).all()


def test_clipped_values_stay_within_the_bounds() -> None:
    """A race needs values in a range that is known before: a cost past the declared one is clipped."""
    whole = evaluation_of({"a": [True, False]}, cost={"a": [0.1, 7.0]})
    needs = Needs(worth_of_solved=1.0, loss_of_wrong=2.0)
    bounds = net_value_bounds(needs, most_cost=1.0)
    assert bounds == (-3.0, 1.0)
    assert net_values(Cases(whole, POLICIES[0]), needs, bounds)[0].tolist() == [0.9, -3.0]


def test_the_greatest_loss_is_that_of_any_mistake() -> None:
    """Also of a review that takes more than the case is worth."""
    assert gain_bounds(Needs(worth_of_solved=1.0, review_price=4.0, review_below=0.5)) == (-3.0, 1.0)
    assert gain_bounds(Needs(worth_of_solved=1.0)) == (0.0, 1.0)


def test_fixed_costs_are_spread_over_the_volume_and_change_no_answer() -> None:
    """1,200 once over 12 months and 100 a month over 1,000 cases: 0.20 a case."""
    whole = evaluation_of({"a": first(50, 60), "b": first(40, 60)}, cost={"a": 0.01, "b": 0.02})
    dear = Price(per_call=0.01, one_off=1200.0, per_month=100.0)
    priced = (msgspec.structs.replace(whole.candidates[0], price=dear), whole.candidates[1])
    assert priced[0].id == whole.candidates[0].id
    whole = dataclasses.replace(whole, candidates=priced)
    found = spread(whole, Needs(volume_per_month=1000.0))
    assert found.cost[0] == pytest.approx(0.21)
    assert found.cost[1] == pytest.approx(0.02)
    decision = decide(whole, Needs(worth_of_solved=1.0, volume_per_month=1000.0))
    assert decision.standing("a").cost_per_1000.value == pytest.approx(210.0)
    assert decision.standing("a").net_value_per_month.value == pytest.approx(1000 * 50 / 60 - 210.0)
    assert decision.economics.fixed_per_case == {"a": pytest.approx(0.2)}


def test_fixed_costs_without_a_volume_are_an_unknown_price() -> None:
    """Not 0: nobody knows over how many cases they are spread."""
    whole = evaluation_of({"a": first(50, 60), "b": first(40, 60)}, cost={"a": 0.01, "b": 0.02})
    dear = msgspec.structs.replace(whole.candidates[0], price=Price(per_call=0.01, one_off=1200.0))
    whole = dataclasses.replace(whole, candidates=(dear, whole.candidates[1]))
    decision = decide(whole, Needs(worth_of_solved=1.0))
    assert decision.standing("a").cost_per_1000 is None
    assert decision.standing("a").net_value_per_case is None
    reason = next(r for r in decision.reasons if r.code == "unknown-price")
    assert "volume_per_month" in reason.text


def test_what_the_candidate_in_use_took_once_is_paid_already() -> None:
    """Sunk costs are no reason to change or to stay."""
    whole = evaluation_of({"a": first(50, 60), "b": first(40, 60)}, cost={"a": 0.01, "b": 0.02})
    dear = msgspec.structs.replace(whole.candidates[0], price=Price(per_call=0.01, one_off=1200.0))
    whole = dataclasses.replace(whole, candidates=(dear, whole.candidates[1]))
    assert spread(whole, Needs(incumbent="a")).cost[0] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (Needs(loss_by_class={"frod": {"fine": 1.0}}), "frod"),
        (Needs(loss_by_class={"fraud": {"fraud": 1.0}}), "no mistake"),
        (Needs(loss_by_class={"fraud": {"fine": -1.0}}), r"loss_by_class\[fraud\]\[fine\] is -1"),
        (Needs(review_price=1.0), "review_below is missing"),
        (Needs(review_price=1.0, review_below=1.5), "review_below is 1.5"),
        (Needs(horizon_months=0.0), "horizon_months is 0"),
        (Needs(ranges={"worth": (0.0, 1.0)}), "no range of 'worth'"),
        (Needs(ranges={"worth_of_solved": (2.0, 1.0)}), "2 to 1"),
        (Needs(price_of_waiting=float("nan")), "price_of_waiting is nan"),
    ],
)
def test_amounts_that_cannot_be_are_refused_by_name(needs: Needs, words: str) -> None:
    """Before anything is decided, with what to change."""
    with pytest.raises(RequirementError, match=words):
        decide(labelled(), needs)


def test_a_loss_by_class_of_a_task_without_classes_is_refused() -> None:
    """A generation has one loss for every mistake."""
    with pytest.raises(RequirementError, match="no classes"):
        decide(evaluation_of({"a": [True, False]}), Needs(loss_by_class={"x": {"y": 1.0}}))
