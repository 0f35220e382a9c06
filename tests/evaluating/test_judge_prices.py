"""What judges cost is priced on reading, call by call, like candidates' answers, and apart from them."""

from __future__ import annotations

import asyncio
import datetime
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from merits import flow, make_task
from merits.core.candidate import Price
from merits.core.evaluation import Evaluation
from merits.core.price import PriceChange, Tier
from merits.core.task import ScorerSpec, Task
from merits.evaluating import evaluate, reprice
from merits.scorers.registry import judge_of
from merits.testing.provider import FakeProvider
from tests.evaluating.making import named
from tests.evaluating.test_judging import fair, open_store, right, sums, task_of

DAY = datetime.datetime(2026, 9, 30, tzinfo=datetime.UTC).timestamp()


def priced_at(task: Task, price: Price) -> Task:
    """The task with another price of its judge's model."""
    spec = task.scorers[0]
    model = {**dict(spec.params["model"]), "price": json.loads(_as_json(price))}
    return replace(task, scorers=(ScorerSpec(spec.kind, {**spec.params, "model": model}, spec.name),))


def _as_json(price: Price) -> bytes:
    import msgspec

    return msgspec.json.encode(price)


def again(task: Task, evaluation: Evaluation, store: object) -> Evaluation:
    recipe = judge_of(task.scorers[0])
    assert recipe is not None
    return reprice(evaluation, (), None, store=store, judges=[recipe])  # type: ignore[arg-type]


def test_each_call_of_a_judge_costs_what_held_when_it_was_answered(tmp_path: Path) -> None:
    """Half the calls came before the price rose, half after; another table prices them anew, without a call."""
    dearer = PriceChange(from_=datetime.date(2026, 10, 1), per_call=0.3)
    with FakeProvider(fair) as provider, open_store(tmp_path / "s") as store:
        task = priced_at(task_of(provider), Price(per_call=0.1, changes=(dearer,)))
        half = replace(task, examples=sums(6))
        asyncio.run(evaluate(half, named(right=right), store=store, clock=lambda: DAY))
        asyncio.run(evaluate(task, named(right=right), store=store, clock=lambda: DAY + 3 * 86_400))
        stored = store.evaluation(task.id, "test")
        assert stored is not None
        assert stored.judged[0].cost == pytest.approx(6 * 0.1 + 6 * 0.3)
        same = again(task, stored, store)
        assert same.judged == stored.judged
        other = again(priced_at(task, Price(per_call=1.0)), stored, store)
        assert other.judged[0].cost == pytest.approx(12.0)
        assert "12 USD" in other.facts["judge judge"]
        assert other.cost.sum() == 0.0
        assert len(provider.requests) == 12


def test_rates_that_depend_on_the_length_of_a_call_are_those_of_each_call(tmp_path: Path) -> None:
    """What only the sum of tokens could tell would be wrong: long questions are dearer."""
    with FakeProvider(fair) as provider, open_store(tmp_path / "s") as store:
        task = task_of(provider)
        wordy = named(wordy=lambda text: right(text) + " so" * len(right(text)) * int(str(text).split()[2]))
        asyncio.run(evaluate(task, wordy, store=store))
        stored = store.evaluation(task.id, "test")
        assert stored is not None
        (calls,) = stored.calls.values()
        sizes = sorted(calls.tokens["input"].tolist())
        middle = int(sizes[len(sizes) // 2])
        assert sizes[0] < middle < sizes[-1]
        tier = Tier(above=middle, input_per_million=100.0)
        price = Price(input_per_million=1.0, output_per_million=0.0, tiers=(tier,))
        cost = again(priced_at(task, price), stored, store).judged[0].cost
    assert cost == pytest.approx(sum(n * (100.0 if n > middle else 1.0) for n in sizes) / 1e6)


def test_a_judge_without_a_price_gets_one_on_reading(tmp_path: Path) -> None:
    """And loses it again: the cost is unknown then, not 0."""
    rows = [{"id": f"q{i}", "input": f"What is {i} + 1?", "target": str(i + 1)} for i in range(20)]

    def task(provider: FakeProvider, price: object) -> Task:
        model = {"kind": "chat", "model": "j", "base_url": provider.base_url} | ({"price": price} if price else {})
        scorers = [{"kind": "judge", "model": model}]
        return make_task(rows, candidates={"right": right}, name="t", kind="generation", split="hash", scorers=scorers)

    with FakeProvider(fair) as provider:
        done = flow.run(task(provider, None), store=tmp_path / "store")
        n = done.evaluation.judged[0].n_calls
        assert done.evaluation.judged[0].cost is None
        priced = flow.stored_run(task(provider, {"per_call": 0.5}), store=tmp_path / "store")
        assert priced.evaluation.judged[0].cost == pytest.approx(0.5 * n)
        assert priced.view.spent is not None
        assert priced.view.spent.judges[0].cost == pytest.approx(0.5 * n)
        assert priced.view.spent.cost != pytest.approx(0.5 * n)
        assert flow.stored_run(task(provider, None), store=tmp_path / "store").evaluation.judged[0].cost is None
        assert len(provider.requests) == n
