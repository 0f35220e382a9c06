"""Races over live candidates: asked in rounds, dropped, gone on with after a crash, never paid twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from merits.core.answer import Answer
from merits.core.doors import Store
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.core.racing import Racing
from merits.core.task import Task
from merits.deciding.decide import decide
from merits.deciding.racing import schedule
from merits.evaluating import evaluate
from merits.store import open_store
from merits.testing.models import Constant, Failing, Replying
from tests.evaluating.making import Learner, Watcher, named, parity, run, task


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def race(of: Task, candidates: list, store: Store, *, watcher: Watcher | None = None) -> Evaluation:  # type: ignore[type-arg]
    racing = schedule(Racing(at_once=4), of.needs, seed=0)
    return asyncio.run(evaluate(of, candidates, store=store, progress=watcher, schedule=racing))


def test_who_cannot_be_the_best_is_asked_less(store: Store) -> None:
    watcher = Watcher()
    right, always = Replying(parity), Constant("even")
    evaluation = race(task(200), named(right=right, always=always), store, watcher=watcher)
    assert evaluation.raced is not None
    assert evaluation.raced.stopped == "decided"
    assert len(right.asked) == len(always.asked) < 60
    assert (evaluation.status == Status.SCORED).sum() == len(right.asked) + len(always.asked)
    assert decide(evaluation, Needs()).candidate == "right"
    assert watcher.is_finished


def test_the_same_race_again_asks_nothing_and_ends_the_same(store: Store) -> None:
    right, always = Replying(parity), Constant("even")
    of, candidates = task(200), named(right=right, always=always)
    first = race(of, candidates, store)
    asked = len(right.asked), len(always.asked)
    second = race(of, candidates, store)
    assert (len(right.asked), len(always.asked)) == asked
    assert first.raced is not None
    assert second.raced is not None
    assert first.raced.asked.tolist() == second.raced.asked.tolist()


def test_a_further_candidate_races_against_answers_that_are_stored(store: Store) -> None:
    """The order is the same: the others are asked nothing that they have answered."""
    of, right = task(200), Replying(parity)
    known = named(right=right, always=Constant("even"))
    race(of, known, store)
    evaluation = race(of, [*known, *named(odd=Constant("odd"))], store)
    assert len(right.asked) == len(set(map(str, right.asked)))
    assert decide(evaluation, Needs()).candidate == "right"


def test_where_everything_is_stored_there_is_no_race(store: Store) -> None:
    """All the evidence is there for nothing: it is used."""
    of, candidates = task(60), named(right=Replying(parity), always=Constant("even"))
    run(of, candidates, store)
    assert race(of, candidates, store).raced is None


def test_the_store_gives_a_raced_evaluation_back(store: Store) -> None:
    of = task(100)
    evaluation = race(of, named(right=Replying(parity), always=Constant("even")), store)
    again = store.evaluation(of.id, "test")
    assert again is not None
    assert again.raced is not None
    assert evaluation.raced is not None
    assert again.raced.place.tolist() == evaluation.raced.place.tolist()
    assert again.raced.stopped == evaluation.raced.stopped


def test_a_learner_learns_once_for_all_rounds(store: Store) -> None:
    learner = Learner()
    race(task(100), named(learner=learner, always=Constant("even")), store)
    assert len(learner.lessons) == 1


def test_a_candidate_that_always_fails_is_given_up_and_the_race_goes_on(store: Store) -> None:
    watcher = Watcher()
    evaluation = race(
        task(200),
        named(right=Replying(parity), down=Failing(ConnectionError("no route")), always=Constant("even")),
        store,
        watcher=watcher,
    )
    assert any("given up" in note for note in watcher.notes) or any("down is out" in note for note in watcher.notes)
    assert decide(evaluation, Needs()).candidate == "right"


def test_what_failed_is_not_asked_again_in_the_same_race(store: Store) -> None:
    """It is asked again by the next run."""
    calls: list[JSON] = []

    def shaky(input: JSON) -> Answer:
        calls.append(input)
        if str(input).endswith("3"):
            raise ConnectionError("lost")
        return parity(input)

    evaluation = race(task(60), named(shaky=Replying(shaky), right=Replying(parity)), store)
    assert len(calls) == len(set(map(str, calls)))
    assert (evaluation.status[0] == Status.FAILED).any()
