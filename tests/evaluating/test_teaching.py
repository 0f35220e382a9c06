"""What a classifier learns from is asked of the embedding model once: stored, on the bill, and found again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.racing import Budget
from merits.core.task import Example, ScorerSpec, Settings, Split, Task
from merits.evaluating import Asking, bill_of, evaluate, plan
from merits.store import open_store
from merits.testing.provider import FakeProvider, Fault

PRICE = Price(input_per_million=1000.0, output_per_million=0.0)
N_DEV, N_TEST = 200, 6
ENV = {"OPENAI_API_KEY": "any"}


def words(n_dev: int = N_DEV) -> Task:
    """A classification with more to learn from than one call embeds."""
    dev = [
        Example(f"d{n}", f"dev {n} {'good' if n % 2 else 'bad'}", "yes" if n % 2 else "no", split="dev")
        for n in range(n_dev)
    ]
    test = [Example(f"t{n}", f"test {n} {'good' if n % 2 else 'bad'}", "yes" if n % 2 else "no") for n in range(N_TEST)]
    return Task(
        name="words",
        kind="classification",
        examples=(*dev, *test),
        scorers=(ScorerSpec("exact"),),
        classes=("no", "yes"),
        settings=Settings(retries=2),
    )


def head(provider: FakeProvider, name: str = "head", **params: float) -> Candidate:
    """A classifier on the embedding model."""
    recipe = {"model": "embed", "base_url": provider.base_url, **params}
    return Candidate(name=name, kind="embeddings-remote", params=recipe, price=PRICE)


def run(
    store: Store,
    candidates: Sequence[Candidate],
    *,
    task: Task | None = None,
    split: Split = "test",
    ask: Asking = "missing",
    budget: Budget | None = None,
) -> Evaluation:
    """One evaluation."""
    return asyncio.run(evaluate(task or words(), candidates, split=split, store=store, env=ENV, ask=ask, budget=budget))


def taught(provider: FakeProvider) -> Counter[str]:
    """How often each text was embedded to learn from it: many go in one call."""
    return Counter(
        text for request in provider.requests if len(request.body["input"]) > 1 for text in request.body["input"]
    )


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(open_store(":memory:")) as opened:
        yield opened


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(rates=PRICE) as started:
        yield started


def test_folds_heads_and_further_runs_ask_the_embedding_model_once(store: Store, provider: FakeProvider) -> None:
    """Five folds, two heads side by side, then the test split, then a third head."""
    two = [head(provider), head(provider, "other", strength=1.0)]
    run(store, two, split="dev")
    run(store, two)
    run(store, [*two, head(provider, "third", strength=2.0)])
    assert len(taught(provider)) == N_DEV
    assert set(taught(provider).values()) == {1}


def test_one_more_example_embeds_one_more_text(store: Store, provider: FakeProvider) -> None:
    """The embeddings of the others are kept by content."""
    run(store, [head(provider)])
    n = len(provider.requests)
    run(store, [head(provider)], task=words(N_DEV + 1))
    asked = [request.body["input"] for request in provider.requests[n:]]
    assert asked[0] == [f"dev {N_DEV} bad"]
    assert len(asked) == 1 + N_TEST


def test_the_bill_has_the_training_once_and_is_the_providers(store: Store, provider: FakeProvider) -> None:
    """To the cent, attempts too, whatever the number of runs and of candidates that learned from it."""
    two = [head(provider), head(provider, "other", strength=1.0)]
    for _ in range(2):
        evaluation = run(store, two)
    bill = bill_of(evaluation, store)
    assert bill.cost == pytest.approx(provider.ledger.money, abs=1e-12)
    assert sum(row.n_attempts for row in bill.rows) == provider.ledger.n_requests
    assert bill.row("training of head, other").tokens == {"input": 3 * N_DEV}
    assert store.run(store.runs()[-1].number).taught == evaluation.taught  # type: ignore[union-attr]


def test_what_failed_on_the_way_is_on_the_bill_and_tried_again(store: Store) -> None:
    """An empty reply is billed; a 500 is not. The next attempt goes through."""
    faults = [Fault("empty", times=1), Fault("server_error", times=2)]
    with FakeProvider(rates=PRICE, faults=faults) as provider:
        evaluation = run(store, [head(provider)])
        bill = bill_of(evaluation, store)
        assert bill.cost == pytest.approx(provider.ledger.money, abs=1e-12)
        assert sum(row.n_attempts for row in bill.rows) == provider.ledger.n_requests


def test_training_that_broke_off_goes_on_where_it_stopped(store: Store) -> None:
    """What was embedded before is not embedded again; the candidate is given up in the meantime."""
    steady = Candidate(name="constant", kind="constant", params={"output": "yes"})
    with FakeProvider(rates=PRICE, faults=[Fault("bad_request", after=2, times=2)]) as provider:
        evaluation = run(store, [steady, head(provider)])
        assert "could not be trained" in evaluation.facts["given up on head"]
        evaluation = run(store, [steady, head(provider)])
        assert evaluation.scored.all()
        assert sorted(taught(provider).values()) == [1] * 2 * 64 + [2] * (N_DEV - 2 * 64)
        assert bill_of(evaluation, store).cost == pytest.approx(provider.ledger.money, abs=1e-12)


def test_a_refresh_embeds_anew_once_and_offline_asks_nothing(store: Store, provider: FakeProvider) -> None:
    """The provider may have put another model behind the name: what is learned and what is asked must fit."""
    candidates = [head(provider)]
    run(store, candidates)
    n = len(provider.requests)
    run(store, candidates, ask="nothing")
    assert len(provider.requests) == n
    run(store, candidates, ask="everything")
    assert set(taught(provider).values()) == {2}
    run(store, candidates)
    assert set(taught(provider).values()) == {2}
    assert len(provider.requests) == 2 * n


def test_what_is_learned_from_is_predicted_once_and_only_while_it_is_missing(
    store: Store, provider: FakeProvider
) -> None:
    """It is most of what an embedding model costs. Two heads learn from the same vectors; a refresh embeds anew."""
    both = [head(provider), head(provider, "softer", strength=0.1)]

    def predicted(ask: Asking = "missing") -> dict[str, tuple[int, float, float]]:
        forecast = plan(words(), both, store=store, env=ENV, ask=ask).forecast
        assert forecast is None or not forecast.unpriced
        parts = () if forecast is None else forecast.parts
        return {
            part.candidate: (part.n_asks, part.cost.low or 0.0, part.cost.high or 0.0) for part in parts if part.cost
        }

    before = predicted()
    assert {name: n for name, (n, _, _) in before.items()} == {
        "head": N_TEST,
        "training of head": N_DEV,
        "softer": N_TEST,
    }
    run(store, both)
    low, high = (sum(one[at] for one in before.values()) for at in (1, 2))
    assert low <= provider.ledger.tokens["input"] * 1000.0 / 1e6 <= high
    assert predicted() == {}
    assert predicted("everything")["training of head"][0] == N_DEV


def test_a_budget_that_cannot_pay_for_what_is_learned_from_is_an_error(store: Store, provider: FakeProvider) -> None:
    """Half a lesson teaches nothing, and would be paid for."""
    with pytest.raises(UsageError, match=r"a budget of 2 calls does not pay for what head learns from: about 4 calls"):
        run(store, [head(provider)], budget=Budget.of("2 calls"))
    with pytest.raises(UsageError, match=r"a budget of 0\.1 USD does not pay for what head learns from"):
        run(store, [head(provider)], budget=Budget.of("0.1 USD"))
    assert not provider.requests


def test_a_budget_pays_for_training_too(store: Store, provider: FakeProvider) -> None:
    """Four calls teach 200 texts; two calls do not, and nothing is asked past them."""
    evaluation = run(store, [head(provider)], budget=Budget.of("5 calls"))
    assert len(provider.requests) <= 5
    assert evaluation.budget is not None
    assert evaluation.budget.ended


SCRIPT = """
import asyncio, sys
from contextlib import closing
from merits.store import open_store
from tests.evaluating.test_teaching import ENV, words
from merits.core.candidate import Candidate
from merits.evaluating import evaluate

recipe = {"model": "embed", "base_url": sys.argv[1]}
candidate = Candidate(name="head", kind="embeddings-remote", params=recipe)
with closing(open_store(sys.argv[2])) as store:
    asyncio.run(evaluate(words(640), [candidate], store=store, env=ENV))
"""


def test_killed_in_training_it_repeats_at_most_what_was_in_flight(tmp_path: Path) -> None:
    """`kill -9` while the third group of calls is on its way; four calls of 64 texts go at once."""
    file = tmp_path / "store.sqlite"
    with FakeProvider(latency_s=0.15) as provider:
        command = [sys.executable, "-c", SCRIPT, provider.base_url, str(file)]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        end = time.monotonic() + 60
        while len(provider.requests) < 9 and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        subprocess.run(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=True)
        counts = taught(provider)
    assert len(counts) == 640
    assert sum(n > 1 for n in counts.values()) <= 4 * 64
    assert max(counts.values()) == 2
