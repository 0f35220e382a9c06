"""Candidates made of others: whom they ask, what is stored and paid, and what that looks like in an evaluation."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate, Price
from merits.core.doors import AnswerKey
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.outcome import Status
from merits.core.racing import Budget, Racing
from merits.core.task import Example, Task
from merits.evaluating import bill_of, evaluate, plan, reprice
from merits.opening import schedule_of
from merits.store import open_store
from merits.testing.models import Fake
from tests.evaluating.making import Learner, named, parity, run, task

CHEAP, DEAR = Price(per_call=0.01), Price(per_call=1.0)


class Counting(Fake):
    """Right, with a confidence, and counts what it was asked; unsure of every fourth, and then wrong."""

    def __init__(self, name: str, *, wavers: bool, failing: bool = False) -> None:
        super().__init__(fingerprint=name)
        self.counts: Counter[str] = Counter()
        self._wavers, self._failing = wavers, failing

    async def _reply(self, input: JSON) -> Answer:
        self.counts[str(input)] += 1
        if self._failing:
            return Answer(failure=Failure("raised", "down"))
        await asyncio.sleep(0.001)
        unsure = self._wavers and int(str(input).split()[-1]) % 4 == 0
        right = parity(input)
        return Answer("odd", confidence=0.5) if unsure else Answer(right.output, confidence=0.9)


def made(**settings: object) -> tuple[Counting, Counting, Candidate, Candidate, Candidate]:
    """A cheap part, a dear one, and a cascade of them."""
    models = Counting("cheap", wavers=True), Counting("dear", wavers=False)
    cheap, dear = named(cheap=models[0], dear=models[1])
    cheap = Candidate(name="cheap", kind=cheap.kind, params=cheap.params, price=CHEAP)
    dear = Candidate(name="dear", kind=dear.kind, params=dear.params, price=DEAR)
    both = Candidate(name="both", kind="cascade", params={"thresholds": [0.8], **settings}, parts=(cheap, dear))
    return *models, cheap, dear, both


def cost_of(evaluation: Evaluation, name: str) -> float:
    return float(evaluation.cost[evaluation.index(name)].sum())


def test_the_dear_part_is_asked_only_where_the_cheap_one_is_unsure() -> None:
    cheap, dear, *_, both = made()
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(40), [both], store)
        assert evaluation.solved.all()
        assert (len(cheap.counts), len(dear.counts)) == (40, 10)
        assert set(dear.counts) == {f"test {n}" for n in range(0, 40, 4)}
        assert cost_of(evaluation, "both") == pytest.approx(40 * 0.01 + 10 * 1.0)
        assert evaluation.priced.all()
        assert evaluation.parts is not None
        assert evaluation.parts.names == ("cheap", "dear")
        assert evaluation.composed[0].consulted.sum(axis=1).tolist() == [40, 10]
        assert evaluation.attempts[0].sum() == 50


def test_what_a_part_was_asked_is_stored_as_its_own_and_never_asked_again() -> None:
    """A part that becomes a candidate has most of its answers already, and the other way round."""
    cheap, dear, first, second, both = made()
    with closing(open_store(":memory:")) as store:
        run(task(40), [both], store)
        run(task(40), [both, first, second], store)
        assert set(cheap.counts.values()) == set(dear.counts.values()) == {1}
        assert len(dear.counts) == 40
        again = run(task(40), [both, first, second], store)
    assert again.facts["asked"] == "0"
    assert again.parts is None
    assert again.composed[0].parts == (1, 2)


@pytest.mark.parametrize("first", [True, False])
def test_candidates_that_are_parts_too_are_asked_once(first: bool) -> None:
    """Whoever comes first: the composite waits for what is on its way."""
    cheap, dear, one, other, both = made()
    candidates = [both, one, other] if first else [one, other, both]
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(60, concurrency=3), candidates, store)
    assert set(cheap.counts.values()) == set(dear.counts.values()) == {1}
    assert evaluation.solved[evaluation.index("both")].all()
    assert cost_of(evaluation, "both") < cost_of(evaluation, "dear")


def test_a_cascade_waits_for_both_where_it_asks_both() -> None:
    *_, both = made()
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(8), [both], store)
    assert evaluation.parts is not None
    consulted = evaluation.composed[0].consulted
    waited = np.where(consulted, evaluation.parts.latency_s, 0.0).sum(axis=0)
    assert evaluation.latency_s[0] == pytest.approx(waited)


def test_a_new_price_of_a_part_is_a_new_price_of_what_is_made_of_it() -> None:
    *_, cheap, dear, both = made()
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(40), [both], store)
        dearer = Candidate(name="dear", kind=dear.kind, params=dear.params, price=Price(per_call=3.0))
        repriced = reprice(evaluation, [both, dearer, cheap], None, store=store)
    assert cost_of(repriced, "both") == pytest.approx(40 * 0.01 + 10 * 3.0)


def test_an_unknown_price_of_a_part_leaves_the_whole_unpriced() -> None:
    """An unknown price is no record, never 0."""
    *_, cheap, dear, _ = made()
    unpriced = Candidate(name="dear", kind=dear.kind, params=dear.params)
    both = Candidate(name="both", kind="cascade", params={"thresholds": [0.8]}, parts=(cheap, unpriced))
    with closing(open_store(":memory:")) as store:
        assert not run(task(8), [both], store).priced[0]


def test_it_is_kept_with_whom_it_asked(tmp_path: Path) -> None:
    *_, both = made()
    of = task(12)
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        evaluation = run(of, [both], store)
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        again = store.evaluation(of.id, "test")
    assert again is not None
    assert again.parts is not None
    assert evaluation.parts is not None
    assert again.parts.versions == evaluation.parts.versions
    assert np.array_equal(again.parts.cost, evaluation.parts.cost)
    assert np.array_equal(again.composed[0].consulted, evaluation.composed[0].consulted)


def test_its_bill_is_that_of_its_parts() -> None:
    *_, both = made()
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(40), [both], store)
        bill = bill_of(evaluation, store)
    assert {row.candidate: row.n_answers for row in bill.rows} == {
        "cheap (as a part)": 40,
        "dear (as a part)": 10,
    }
    assert bill.cost == pytest.approx(cost_of(evaluation, "both"))


def test_a_plan_says_what_its_parts_may_be_asked_at_most() -> None:
    *_, both = made()
    with closing(open_store(":memory:")) as store:
        before = plan(task(40), [both], store=store)
        run(task(40), [both], store)
        after = plan(task(40), [both], store=store)
    assert [(part.candidate, part.n_to_ask) for part in before.parts] == [("both", 40), ("cheap", 40), ("dear", 40)]
    assert before.forecast is not None
    assert before.forecast.cost is not None
    assert before.forecast.cost.value == pytest.approx(40 * 1.01)
    assert after.n_to_ask == 0


def test_a_budget_ends_it_too() -> None:
    cheap, dear, *_, both = made()
    with closing(open_store(":memory:")) as store:
        evaluation = asyncio.run(evaluate(task(400, concurrency=1), [both], store=store, budget=Budget.of("5 USD")))
    assert evaluation.budget is not None
    assert evaluation.budget.ended
    assert 3.0 < evaluation.budget.spent <= 6.02
    assert evaluation.budget.spent == pytest.approx(0.01 * cheap.counts.total() + dear.counts.total())


def test_it_races_with_its_own_parts() -> None:
    """Rounds ask everybody the same; what one of them asks of another is not asked twice."""
    cheap, dear, one, other, both = made()
    of = task(300)
    with closing(open_store(":memory:")) as store:
        evaluation = asyncio.run(
            evaluate(of, [one, other, both], store=store, schedule=schedule_of(of, Racing(at_once=16)))
        )
    assert set(cheap.counts.values()) == set(dear.counts.values()) == {1}
    assert evaluation.raced is not None


def test_a_part_that_fails_is_passed_over_and_is_no_failure_of_the_whole() -> None:
    broken = Counting("broken", wavers=False, failing=True)
    good = Counting("good", wavers=False)
    one, other = named(broken=broken, good=good)
    both = Candidate(name="both", kind="cascade", params={"thresholds": [0.8]}, parts=(one, other))
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(60), [both], store)
    assert (evaluation.status == Status.SCORED).all()
    assert evaluation.solved.all()
    assert broken.counts.total() == 20  # then it was given up, and is not asked any more


def test_all_parts_failing_is_a_failure() -> None:
    models = [Counting(name, wavers=False, failing=True) for name in ("a", "b")]
    one, other = named(a=models[0], b=models[1])
    both = Candidate(name="both", kind="cascade", params={"thresholds": [0.8]}, parts=(one, other))
    (fine,) = named(fine=parity)
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(10), [both, fine], store)
    assert (evaluation.status[0] == Status.FAILED).all()


def test_composites_may_be_parts() -> None:
    """A cascade whose last part is a cascade."""
    cheap, dear, *_, inner = made()
    weak = Counting("weak", wavers=True)
    (first,) = named(weak=weak)
    first = Candidate(name="weak", kind=first.kind, params=first.params, price=Price(per_call=0.001))
    outer = Candidate(name="outer", kind="cascade", params={"thresholds": [0.8]}, parts=(first, inner))
    with closing(open_store(":memory:")) as store:
        evaluation = run(task(40), [outer], store)
        bill = bill_of(evaluation, store)
    assert evaluation.solved.all()
    assert (len(weak.counts), len(cheap.counts), len(dear.counts)) == (40, 10, 10)
    assert cost_of(evaluation, "outer") == pytest.approx(40 * 0.001 + 10 * 0.01 + 10 * 1.0)
    assert bill.cost == pytest.approx(cost_of(evaluation, "outer"))


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_part_that_learns_learns_as_it_does_by_itself(split: str) -> None:
    """On dev it answers each example after learning from the others only."""
    learner = Learner()
    last = Counting("last", wavers=False)
    one, other = named(learner=learner, last=last)
    both = Candidate(name="both", kind="cascade", params={"thresholds": [0.8]}, parts=(one, other))
    of = task(20)
    with closing(open_store(":memory:")) as store:
        evaluation = run(of, [both, one], store, split=split)  # type: ignore[arg-type]
        version = evaluation.versions[evaluation.index("learner")]
        stored = store.answers(version, {AnswerKey(e.input_hash) for e in of.split(split)})  # type: ignore[arg-type]
    assert len(stored) == 20
    assert {answer.output for answer in stored.values()} == {"unseen"}
    assert len(learner.lessons) == (5 if split == "dev" else 1)
    assert last.counts.total() == 20


def test_equal_inputs_and_repeats_are_questions_of_their_own(tmp_path: Path) -> None:
    examples = [Example(f"{n}", f"test {n % 3}", "even" if n % 3 != 1 else "odd") for n in range(6)]
    cheap, _, *_, both = made()
    of: Task = task(examples=examples, repeats=2)
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        evaluation = run(of, [both], store)
    assert evaluation.status.shape == (1, 12)
    assert set(cheap.counts.values()) == {2}
    assert evaluation.composed[0].consulted.shape == (2, 12)
