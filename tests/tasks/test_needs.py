"""Needs in a task file: what a case is worth, in every part."""

from __future__ import annotations

import pytest

from merits.core.candidate import Price
from merits.core.errors import MeritsError, RequirementError, TaskError
from merits.core.task import Task
from merits.flow import check_needs
from merits.tasks.make import make_task

ROWS = [{"input": f"text {i}", "target": "fraud" if i % 3 == 0 else "fine"} for i in range(30)]


def task(**needs: object) -> Task:
    return make_task(ROWS, needs=needs, candidates=["most-common"])


def test_everything_about_money_can_be_said() -> None:
    """Under the names that the records have."""
    needs = task(
        worth_of_solved=1.0,
        loss_by_class={"fraud": {"fine": 50.0}},
        loss_of_abstaining=0.2,
        price_of_waiting=0.01,
        free_wait_s=2.0,
        review_price=0.5,
        review_below=0.8,
        horizon_months=24,
        peak_load=3.0,
        price_of_label=0.4,
        ranges={"worth_of_solved": [0.5, 2.0]},
    ).needs
    assert needs.loss_by_class == {"fraud": {"fine": 50.0}}
    assert (needs.loss_of_abstaining, needs.review_price, needs.review_below) == (0.2, 0.5, 0.8)
    assert needs.ranges == {"worth_of_solved": (0.5, 2.0)}


def test_numbers_as_labels_are_texts_in_the_losses_too() -> None:
    """As they are among the labels."""
    rows = [{"input": f"text {i}", "target": i % 2} for i in range(30)]
    found = make_task(rows, kind="classification", needs={"loss_by_class": {1: {0: 5.0}}}, candidates=["most-common"])
    assert found.needs.loss_by_class == {"1": {"0": 5.0}}
    check_needs(found)


@pytest.mark.parametrize(
    ("needs", "error", "words"),
    [
        ({"loss_by_class": {"frad": {"fine": 1.0}}}, RequirementError, "'fraud'"),
        ({"review_price": 1.0}, RequirementError, "review_below is missing"),
        ({"loss_of_abstainig": 1.0}, TaskError, "loss_of_abstaining"),
        ({"ranges": {"worth_of_solved": [1.0]}}, TaskError, "ranges"),
    ],
)
def test_amounts_that_cannot_be_are_found_before_anything_is_asked(
    needs: dict[str, object], error: type[MeritsError], words: str
) -> None:
    """A run that fails at its end was paid for."""
    with pytest.raises(error) as caught:
        check_needs(task(**needs))
    assert words in str(caught.value)


def test_a_price_of_what_is_paid_once_keeps_the_price_of_the_machine() -> None:
    """One-off costs beside the hours of the machine; a rented machine has its hours paid."""
    found = make_task(
        ROWS,
        machine_per_hour=0.5,
        candidates=[
            {"kind": "text-linear", "name": "own", "price": {"one_off": 100}},
            {"kind": "most-common", "name": "rented", "price": {"per_month": 300}},
        ],
    ).candidates
    own, rented = (candidate.price for candidate in found)
    assert own == Price(machine_per_hour=0.5, one_off=100.0, source="machine_per_hour of the task")
    assert rented == Price(per_month=300.0)
