"""Answers that say nothing: recorded for a generation, so that abstaining can have a price of its own."""

from __future__ import annotations

import msgspec

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.core.task import Example, ScorerSpec, Task
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.values import net_values
from merits.store import open_store
from merits.testing.models import Replying
from tests.evaluating.making import named, run, task

REPLIES = {"q 0": "four", "q 1": " ", "q 2": None, "q 3": "five"}


def said(input: JSON) -> Answer:
    return Answer(REPLIES[str(input)])


def test_an_empty_answer_is_recorded_stored_and_costs_what_abstaining_does() -> None:
    """White space and nothing alike; a wrong answer stays wrong."""
    of = Task(
        name="sums",
        kind="generation",
        examples=tuple(Example(f"e{i}", f"q {i}", "four", split="test") for i in range(4)),
        scorers=(ScorerSpec("exact"),),
    )
    store = open_store(":memory:")
    evaluation = run(of, named(some=Replying(said)), store)
    again = store.evaluation(of.id, "test")
    store.close()
    for one in (evaluation, again):
        assert one is not None
        assert one.silent is not None
        assert one.silent.tolist() == [[False, True, True, False]]
    needs = Needs(worth_of_solved=1.0, loss_of_wrong=3.0, loss_of_abstaining=0.5)
    assert net_values(Cases(evaluation, POLICIES[0]), needs)[0].tolist() == [1.0, -0.5, -0.5, -3.0]
    strict = msgspec.structs.replace(needs, loss_of_abstaining=None)
    assert net_values(Cases(evaluation, POLICIES[0]), strict)[0].tolist() == [1.0, -3.0, -3.0, -3.0]


def test_a_classification_needs_no_record_of_it() -> None:
    """An answer that names no label is known from the labels."""
    store = open_store(":memory:")
    assert run(task(4), named(some=Replying(lambda input: Answer(""))), store).silent is None
    store.close()
