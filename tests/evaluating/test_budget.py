"""A budget is predicted, debited attempt by attempt, kept but for what is in flight, and then decided on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from msgspec.structs import replace

from merits.candidates.meter import AskFailed, PurseEmpty
from merits.core.answer import Answer, Failure, Usage
from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.errors import TaskError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.core.racing import Budget, Racing
from merits.core.task import Task
from merits.deciding.decide import decide
from merits.deciding.racing import schedule
from merits.evaluating import Plan, bill_of, evaluate, plan
from merits.evaluating.purse import Purse
from merits.store import open_store
from merits.testing.models import Failing, Replying
from tests.evaluating.making import named, parity, run, task


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


BY_CALL, BY_TOKEN = Price(per_call=0.01), Price(input_per_million=1000.0, output_per_million=2000.0)


def priced(candidate: Candidate, price: Price) -> Candidate:
    return replace(candidate, price=price)


def using(n_input: int = 10, n_output: int = 5) -> Answer:
    return Answer("even", usage=Usage(input_tokens=n_input, output_tokens=n_output))


class Waiting(Replying):
    """Answers after a moment, so that there are calls in flight."""

    def __init__(self, usage: Usage, *, fingerprint: str = "waiting") -> None:
        super().__init__(parity, fingerprint=fingerprint)
        self.usage = usage

    async def _reply(self, input: JSON) -> Answer:
        await asyncio.sleep(0.002)
        return replace(await super()._reply(input), usage=self.usage)


def spend(of: Task, candidates: list[Candidate], store: Store, budget: str, **more: object) -> Evaluation:
    return asyncio.run(evaluate(of, candidates, store=store, budget=Budget.of(budget), **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("concurrency", [1, 4, 32])
@pytest.mark.parametrize("budget", ["0.60 USD", "60 calls", "900 tokens"])
def test_a_budget_is_never_exceeded_by_more_than_what_is_in_flight(store: Store, concurrency: int, budget: str) -> None:
    """Counted by the provider, not by us."""
    one = Waiting(Usage(input_tokens=10, output_tokens=5))
    other = Waiting(Usage(input_tokens=5, output_tokens=2), fingerprint="other")
    price = BY_CALL if "calls" not in budget else BY_TOKEN
    candidates = [priced(each, price) for each in named(one=one, other=other)]
    evaluation = spend(task(200, concurrency=concurrency), candidates, store, budget)
    n_one, n_other = len(one.asked), len(other.asked)
    amount = {"U": 0.01 * (n_one + n_other), "c": float(n_one + n_other), "t": 15.0 * n_one + 7.0 * n_other}
    spent, limit = amount[budget.split()[1][0]], Budget.of(budget).amount
    dearest = {"U": 0.01, "c": 1.0, "t": 15.0}[budget.split()[1][0]]
    assert 0.6 * limit < spent <= limit + 2 * concurrency * dearest
    assert evaluation.budget is not None
    assert evaluation.budget.ended
    assert evaluation.budget.spent == pytest.approx(spent)
    assert (evaluation.status != Status.MISSING).sum() == n_one + n_other


def test_everybody_is_asked_the_same_examples_drawn_at_random(store: Store) -> None:
    """The first rows of a file are no fair sample, and answers are compared in pairs."""
    one, other = Replying(parity, fingerprint="one"), Replying(parity, fingerprint="other")
    candidates = named(one=one, other=other)
    evaluation = spend(task(400, concurrency=4), candidates, store, "100 calls")
    asked = evaluation.status != Status.MISSING
    assert asked[0].sum() == asked[1].sum() == 50
    assert (asked[0] == asked[1]).all()
    places = np.flatnonzero(asked[0])
    assert 100 < places.mean() < 300
    with closing(open_store(":memory:")) as again:
        assert (spend(task(400, concurrency=4), candidates, again, "100 calls").status == evaluation.status).all()


def test_a_budget_that_ended_is_said_and_what_is_there_is_decided_on(store: Store) -> None:
    """What was not asked is nobody's failure, not even where something failed."""

    def shaky(input: JSON) -> Answer:
        if str(input).endswith("7"):
            raise AskFailed(Failure("server_error", "500"))
        return parity(input)

    good, bad = Replying(shaky, fingerprint="good"), Replying(lambda input: Answer("odd"), fingerprint="bad")
    candidates = named(good=good, bad=bad)
    evaluation = spend(task(400), candidates, store, "200 calls")
    decision = decide(evaluation, Needs())
    (reason,) = [reason for reason in decision.reasons if reason.code == "budget-ended"]
    assert "budget of 200 calls ended after 100 of 400 questions" in reason.text
    assert reason.text in decision.summary
    standing = decision.standing("good")
    assert (standing.n_missing, standing.n_scored + standing.n_failed) == (0, 100)
    assert standing.n_failed < 20
    assert decision.candidate == "good"
    again = store.evaluation(task(400).id, "test")
    assert again is not None
    assert (again.budget, again.unasked is not None) == (evaluation.budget, True)


def test_a_wrong_key_of_an_earlier_run_is_nobodys_failure_where_a_budget_ends(store: Store) -> None:
    """What the key kept from being asked then, and the budget now, is in no figure; stored answers are not counted."""
    has_key = False

    def rented(input: JSON) -> Answer:
        if not has_key:
            raise AskFailed(Failure("unauthorised", "401"))
        return parity(input)

    candidates = named(stored=Replying(parity, fingerprint="stored"), rented=Replying(rented, fingerprint="rented"))
    run(task(40), candidates, store)
    has_key = True
    decision = decide(spend(task(40), candidates, store, "10 calls"), Needs())
    standing = decision.standing("rented")
    assert (standing.n_scored, standing.n_failed) == (10, 0)
    assert "ended after 10 of 40 questions" in decision.summary


def test_a_budget_that_is_not_used_up_changes_nothing(store: Store) -> None:
    model = Replying(parity)
    evaluation = spend(task(40), named(model=model), store, "1000 calls")
    assert evaluation.scored.all()
    assert evaluation.unasked is None
    assert evaluation.budget is not None
    assert (evaluation.budget.ended, evaluation.budget.spent) == (False, 40.0)
    assert not [reason for reason in decide(evaluation, Needs()).reasons if reason.code == "budget-ended"]


def test_failed_attempts_are_debited_too(store: Store) -> None:
    """A provider may bill an empty reply."""
    used = Usage(input_tokens=10)
    model = Failing(AskFailed(Failure("bad_request", "empty"), used))
    other = Replying(lambda input: using(), fingerprint="other")
    candidates = [priced(each, BY_TOKEN) for each in named(down=model, up=other)]
    evaluation = spend(task(200, concurrency=1), candidates, store, "0.20 USD")
    assert evaluation.budget is not None
    bill = bill_of(evaluation, store)
    assert bill.row("down").tokens == {"input": 10 * bill.row("down").n_failed}
    assert bill.cost == pytest.approx(evaluation.budget.spent)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_every_attempt_is_debited_and_none_is_tried_again_once_it_is_spent(store: Store, concurrency: int) -> None:
    """The provider counts attempts, not answers."""
    attempts: list[JSON] = []

    def flaky(input: JSON) -> Answer:
        attempts.append(input)
        if len(attempts) % 3:
            raise AskFailed(Failure("server_error", "500", retry_after_s=0.001))
        return parity(input)

    candidates = named(flaky=Replying(flaky))
    of = task(100, concurrency=concurrency, retries=5)
    evaluation = spend(of, candidates, store, "12 calls")
    assert len(attempts) == 12
    assert evaluation.budget is not None
    assert evaluation.budget.spent == 12.0
    assert int(evaluation.attempts.sum()) == 12
    assert bill_of(evaluation, store).row("flaky").n_attempts == 12


def test_a_race_stops_because_the_purse_says_so(store: Store) -> None:
    one, other = Replying(parity, fingerprint="one"), Replying(parity, fingerprint="other")
    candidates = [priced(each, BY_CALL) for each in named(one=one, other=other)]
    racing = schedule(Racing(at_once=4), Needs(), seed=0)
    evaluation = spend(task(400), candidates, store, "0.60 USD", schedule=racing)
    assert evaluation.raced is not None
    assert evaluation.raced.stopped == "budget"
    assert len(one.asked) == len(other.asked) == 30
    decision = decide(evaluation, Needs())
    assert "budget-ended" in {reason.code for reason in decision.reasons}
    assert "budget was spent" in decision.summary


@pytest.mark.parametrize("raced", [True, False])
def test_a_purse_that_empties_within_a_round_leaves_nobody_failed(store: Store, raced: bool) -> None:
    """Answers became dearer than all before: what stayed unasked is no failure, though something else failed."""
    n = 0

    def dearer(input: JSON) -> Answer:
        nonlocal n
        n += 1
        if n == 5:
            raise AskFailed(Failure("bad_request", "400"))
        return replace(parity(input), usage=Usage(input_tokens=1 if n < 40 else 200))

    other = Replying(lambda input: replace(parity(input), usage=Usage(input_tokens=1)), fingerprint="other")
    candidates = [priced(each, BY_TOKEN) for each in named(dearer=Replying(dearer), other=other)]
    racing = schedule(Racing(at_once=16), Needs(), seed=0) if raced else None
    evaluation = spend(task(400, concurrency=4), candidates, store, "2 USD", schedule=racing)
    assert evaluation.budget is not None
    assert evaluation.budget.ended
    assert evaluation.unasked is not None
    standings = decide(evaluation, Needs()).standings
    assert [standing.n_missing for standing in standings] == [0, 0]
    assert [standing.n_failed for standing in standings] == [1, 0]
    assert n < 60


@pytest.mark.parametrize(("budget", "others"), [("4000 calls", 199), ("150 calls", 20)])
def test_a_question_that_hangs_holds_nobody_up_under_a_budget(store: Store, budget: str, others: int) -> None:
    """Far from its end a budget asks everything in one go, near it enough at once to tell what hangs."""

    class Hanging(Replying):
        """The first question is answered after so many others."""

        async def _reply(self, input: JSON) -> Answer:
            if len(self.asked) == 1:
                self.enough = asyncio.Event()
                await self.enough.wait()
            elif len(self.asked) > others:
                self.enough.set()
            await asyncio.sleep(0)
            return await super()._reply(input)

    model = Hanging(parity)
    evaluation = spend(task(200, concurrency=4, timeout_s=2.0), named(model=model), store, budget)
    assert not evaluation.failed.any()
    assert evaluation.scored.sum() == min(200, int(budget.split(maxsplit=1)[0]))


def test_a_resumed_run_has_a_budget_of_its_own_and_goes_on_where_it_ended(store: Store) -> None:
    model = Replying(parity)
    candidates = named(model=model)
    for expected in (30, 60, 80):
        spend(task(80), candidates, store, "30 calls")
        assert len(model.asked) == expected
    assert len(set(map(str, model.asked))) == 80


@pytest.mark.parametrize("ask", ["plan", "evaluate"])
def test_a_budget_in_money_needs_a_price_and_the_same_currency_before_anything_is_asked(store: Store, ask: str) -> None:
    model = Replying(parity)

    def attempt(candidates: list[Candidate], budget: str) -> object:
        if ask == "plan":
            return plan(task(20), candidates, store=store, budget=Budget.of(budget))
        return spend(task(20), candidates, store, budget)

    (candidate,) = named(model=model)
    with pytest.raises(UsageError, match="no price of model") as problem:
        attempt([candidate], "5 USD")
    assert "budget in calls" in problem.value.next_step
    with pytest.raises(UsageError, match="budget is in EUR, the costs are in USD"):
        attempt([priced(candidate, BY_CALL)], "5 EUR")
    with pytest.raises(TaskError, match="priced in EUR"):
        attempt([priced(candidate, Price(currency="EUR", per_call=0.1))], "5 USD")
    assert model.asked == []


def test_a_budget_too_small_for_one_example_each_is_refused_before_anything_is_asked(store: Store) -> None:
    models = {f"m{k}": Replying(parity, fingerprint=f"m{k}") for k in range(12)}
    candidates = [priced(each, Price(per_call=1.0)) for each in named(**models)]
    for budget in ("10 calls", "5 USD"):
        with pytest.raises(UsageError, match="does not let the candidates answer one example each"):
            spend(task(20), candidates, store, budget)
    assert not any(model.asked for model in models.values())


def test_minutes_end_a_run(store: Store) -> None:
    class Slow(Replying):
        async def _reply(self, input: JSON) -> Answer:
            await asyncio.sleep(0.02)
            return await super()._reply(input)

    model = Slow(parity)
    evaluation = spend(task(400, concurrency=1), named(model=model), store, "0.01 minutes")
    assert 2 < len(model.asked) < 40
    assert evaluation.budget is not None
    assert 0.005 < evaluation.budget.spent < 0.02


def test_a_purse_counts_what_was_not_told_as_its_mean_and_never_as_nothing() -> None:
    purse = Purse(Budget.of("100 USD"), [BY_TOKEN], [0.5])
    purse.debit(0, Usage(unmetered=1))
    assert purse.spent == pytest.approx(0.5)
    purse = Purse(Budget.of("100 USD"), [BY_TOKEN], [0.5])
    purse.debit(0, Usage(input_tokens=1000))
    purse.debit(0, Usage(unmetered=1))
    assert purse.spent == pytest.approx(2.0)
    purse.debit(0, Usage())
    assert purse.spent == pytest.approx(2.0)  # a 429 is not billed


def test_an_empty_purse_lets_nothing_begin() -> None:
    purse = Purse(Budget.of("1 USD"), [BY_CALL], [0.01])
    purse.take()
    purse.debit(0, Usage())
    assert purse.affords({0: 99})
    assert not purse.affords({0: 100})
    for _ in range(99):
        purse.debit(0, Usage())
    with pytest.raises(PurseEmpty, match="budget of 1 USD is spent"):
        purse.take()


# what is predicted


def predicted(of: Task, candidates: list[Candidate], store: Store) -> Plan:
    return plan(of, candidates, store=store)


def test_what_a_run_costs_is_predicted_from_what_was_paid_for_the_same_candidate(store: Store) -> None:
    """The interval holds what it then costs."""
    generator = np.random.default_rng(0)

    def talkative(input: JSON) -> Answer:
        return using(int(generator.integers(5, 15)), int(generator.integers(1, 30)))

    (candidate,) = named(talkative=Replying(talkative))
    candidate = priced(candidate, BY_TOKEN)
    run(task(60), [candidate], store)
    forecast = predicted(task(400), [candidate], store).forecast
    assert forecast is not None
    assert forecast.cost is not None
    assert "60 stored answers" in forecast.cost.method
    rest = run(task(400), [candidate], store).cost[0, 60:].sum()
    assert forecast.cost.low is not None
    assert forecast.cost.high is not None
    assert 0.0 < forecast.cost.low < rest < forecast.cost.high


def test_a_price_by_call_is_predicted_exactly_up_to_twice(store: Store) -> None:
    (candidate,) = named(model=Replying(parity))
    forecast = predicted(task(50, retries=3), [priced(candidate, BY_CALL)], store).forecast
    assert forecast is not None
    assert forecast.cost is not None
    assert (forecast.cost.low, forecast.cost.value) == (pytest.approx(0.5), pytest.approx(0.5))
    assert forecast.cost.high == pytest.approx(1.0)


def test_without_stored_answers_the_prediction_is_a_wide_range_by_rules_of_thumb(store: Store) -> None:
    (candidate,) = named(model=Replying(parity))
    forecast = predicted(task(50), [priced(candidate, BY_TOKEN)], store).forecast
    assert forecast is not None
    assert forecast.cost is not None
    low, high = forecast.cost.low or 0.0, forecast.cost.high or math.inf
    assert "four bytes a token" in forecast.cost.method
    assert 0.0 < 3.0 * low < high < math.inf


def test_what_is_asked_for_is_confirmed_before_anything_is_asked_or_refreshed(store: Store) -> None:
    model = Replying(parity)
    candidates = [priced(each, BY_CALL) for each in named(model=model)]
    run(task(20), candidates, store)

    def refuse(plan: Plan) -> None:
        assert plan.n_to_ask == 20
        raise UsageError("no.")

    with pytest.raises(UsageError, match="no"):
        asyncio.run(evaluate(task(20), candidates, store=store, ask="everything", confirm=refuse))
    assert len(model.asked) == 20
    assert plan(task(20), candidates, store=store).n_to_ask == 0


# what was not told


def test_the_cost_of_attempts_that_were_not_told_is_said_to_be_unknown(store: Store) -> None:
    """Each counts as the mean answer in the costs, and the decision says how many there are."""

    def silent(input: JSON) -> Answer:
        if str(input).endswith("3"):
            raise AskFailed(Failure("server_error", "lost"), Usage(unmetered=1))
        return using(10, 5)

    candidates = [priced(each, BY_TOKEN) for each in named(model=Replying(silent))]
    evaluation = run(task(100), candidates, store)
    assert evaluation.cost[0] == pytest.approx(np.full(100, 0.02))
    reasons = {reason.code: reason.text for reason in decide(evaluation, Needs()).reasons}
    assert "cost of 10 of 100 attempts of model is not known" in reasons["cost-not-known"]
    assert bill_of(evaluation, store).n_unmetered == 10


def test_where_nothing_was_told_the_cost_is_unknown_and_not_nothing(store: Store) -> None:
    silent = Replying(lambda input: Answer("even", usage=Usage(unmetered=1)))
    candidates = [priced(each, BY_TOKEN) for each in named(model=silent)]
    evaluation = run(task(20), candidates, store)
    assert not evaluation.priced[0]
    assert bill_of(evaluation, store).cost is None


def test_the_bill_holds_what_counts_no_more(store: Store) -> None:
    model = Replying(lambda input: using())
    candidates = [priced(each, BY_TOKEN) for each in named(model=model)]
    run(task(10), candidates, store)
    evaluation = asyncio.run(evaluate(task(10), candidates, store=store, ask="everything"))
    assert evaluation.cost.sum() == pytest.approx(0.2)
    bill = bill_of(evaluation, store)
    assert (bill.row("model").n_answers, bill.cost) == (20, pytest.approx(0.4))
