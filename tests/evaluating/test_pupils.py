"""Candidates that learn from the answers of others: who is asked for it, what is paid, and teachers that fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate, Price
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.racing import Budget
from merits.evaluating import bill_of, evaluate, plan
from merits.store import open_store
from merits.testing.models import Fake
from tests.evaluating.making import Learner, Watcher, named, run, task

PRICE = Price(per_call=0.1)


class Leaning(Fake):
    """Right wherever its divisor does not divide the number; fails on numbers that `fails` divides."""

    def __init__(self, divisor: int, *, fails: int = 0) -> None:
        super().__init__(fingerprint=f"leaning {divisor} {fails}")
        self.counts: Counter[str] = Counter()
        self._divisor, self._fails = divisor, fails

    async def _reply(self, input: JSON) -> Answer:
        self.counts[str(input)] += 1
        number = int(str(input).rsplit(maxsplit=1)[-1])
        if self._fails and number % self._fails == 0:
            return Answer(failure=Failure("raised", "no"))
        right = number % self._divisor != 0
        return Answer("even" if (number % 2 == 0) == right else "odd", probabilities=None)


def priced(candidate: Candidate) -> Candidate:
    return Candidate(name=candidate.name, kind=candidate.kind, params=candidate.params, price=PRICE)


def stacked(*models: Leaning) -> tuple[list[Candidate], Candidate]:
    parts = [priced(one) for one in named(**{f"part{n}": model for n, model in enumerate(models)})]
    return parts, Candidate(name="stack", kind="stack", parts=tuple(parts))


def test_to_learn_its_parts_are_asked_about_dev_once_and_to_answer_about_test_once() -> None:
    models = Leaning(3), Leaning(5)
    parts, stack = stacked(*models)
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(40), [stack], store)
        again = run(task(40), [stack, *parts], store)
    for model in models:
        assert set(model.counts.values()) == {1}
        assert len(model.counts) == 80
    assert evaluation.solved.mean() >= 0.8
    assert again.facts["asked"] == "0"
    assert evaluation.facts["stack learned from others"] == "80 of 80 answers (100.0%)"


def test_what_it_learned_from_is_on_the_bill() -> None:
    models = Leaning(3), Leaning(5)
    _, stack = stacked(*models)
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(40), [stack], store)
        bill = bill_of(evaluation, store)
    assert bill.cost == pytest.approx(0.1 * sum(model.counts.total() for model in models))
    assert {row.candidate for row in bill.rows} == {
        "part0 (as a part)",
        "part1 (as a part)",
        "training of stack by part0",
        "training of stack by part1",
    }


def test_a_plan_says_what_will_be_asked_for_learning_too() -> None:
    models = Leaning(3), Leaning(5)
    _, stack = stacked(*models)
    with closing(open_store(":memory:")) as store:
        made = plan(task(40), [stack], store=store)
        run(task(40), [stack], store)
        after = plan(task(40), [stack], store=store)
    assert {part.candidate: part.n_to_ask for part in (*made.parts, *made.judges)} == {
        "stack": 40,
        "part0": 40,
        "part1": 40,
        "part0 (teaches stack)": 40,
        "part1 (teaches stack)": 40,
    }
    assert made.forecast is not None
    assert made.forecast.cost is not None
    assert made.forecast.cost.value == pytest.approx(16.0)
    assert after.n_to_ask == 0


def test_a_teacher_that_fails_on_some_is_used_on_the_rest_and_that_is_said() -> None:
    models = Leaning(3, fails=8), Leaning(5)
    _, stack = stacked(*models)
    watcher = Watcher()
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(40), [stack], store, watcher=watcher)
    assert evaluation.facts["stack learned from others"] == "75 of 80 answers (93.8%)"
    assert any("learns from 75 of 80 answers" in note for note in watcher.notes)
    assert evaluation.solved.mean() > 0.6


def test_a_teacher_that_cannot_be_asked_at_all_leaves_its_pupil_unasked() -> None:
    models = Leaning(3, fails=1), Leaning(5, fails=1)
    _, stack = stacked(*models)
    (fine,) = named(fine=Leaning(7))
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(40), [stack, fine], store)
    assert "nobody taught it" in evaluation.facts["given up on stack"]
    assert not evaluation.status[0].any()


def on_dev(of_n: int, *candidates: Candidate, path: Path | str = ":memory:") -> Evaluation:
    with closing(open_store(path)) as store:
        return run(task(of_n), list(candidates), store, split="dev")


def test_on_dev_it_learns_from_the_other_folds_and_parts_are_asked_once() -> None:
    """Also where the parts are candidates too: whoever comes first."""
    models = Leaning(3), Leaning(5)
    parts, stack = stacked(*models)
    evaluation = on_dev(50, stack, *parts)
    assert evaluation.solved[0].mean() >= 0.8
    for model in models:
        assert set(model.counts.values()) == {1}
        assert len(model.counts) == 50


def test_a_trained_part_teaches_by_what_it_says_of_what_it_has_not_seen() -> None:
    """Out of fold: what it says of what it learned from would look better than it is."""

    class Guessing(Learner):
        async def _reply(self, input: JSON) -> Answer:
            answer = await super()._reply(input)
            return Answer("even") if answer.output == "unseen" else answer

    learner = Guessing()
    parts = named(learner=learner, leaning=Leaning(5))
    stack = Candidate(name="stack", kind="stack", parts=tuple(parts))
    with closing(open_store(":memory:")) as store:
        run(task(40), [stack], store)
    lengths = sorted(len(lesson) for lesson in learner.lessons)
    assert lengths == [32, 32, 32, 32, 32, 40]  # five folds to teach, all of dev to answer
    assert learner.answered_known == 0


def test_a_budget_covers_what_is_learned_from_too() -> None:
    models = Leaning(3), Leaning(5)
    _, stack = stacked(*models)
    with closing(open_store(":memory:")) as store:
        evaluation = asyncio.run(evaluate(task(40, concurrency=1), [stack], store=store, budget=Budget.of("10 USD")))
    spent = 0.1 * sum(model.counts.total() for model in models)
    assert evaluation.budget is not None
    assert evaluation.budget.spent == pytest.approx(spent)
    assert 8.0 < spent <= 10.2
