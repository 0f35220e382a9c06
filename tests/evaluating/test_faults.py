"""A provider that fails in every way: each example ends in one outcome, and calls and money are those of its ledger."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.core.task import Example, ScorerSpec, Task
from merits.evaluating import evaluate
from merits.evaluating.progress import Silent
from merits.prices import costs
from merits.store import open_store
from merits.testing.provider import FakeProvider, Fault, Limits
from tests.evaluating.making import task

FAULTS = (
    Fault("rate_limit", 0.05),
    Fault("server_error", 0.02),
    Fault("overloaded", 0.01),
    Fault("unavailable", 0.01),
    Fault("reset", 0.01),
    Fault("malformed", 0.01),
    Fault("truncated", 0.01),
    Fault("empty", 0.01),
    Fault("html_page", 0.01),
    Fault("wrong_content_type", 0.01),
    Fault("slow_headers", 0.01, seconds=0.05),
)
PRICE = Price(input_per_million=250.0, output_per_million=1000.0)
LOST = ("reset", "malformed", "truncated", "html_page")


def words(n: int, *, retries: int, timeout_s: float = 10.0) -> Task:
    """`n` texts that must be answered with themselves."""
    examples = [Example(str(i), f"word {i}", f"word {i}") for i in range(n)]
    of = task(examples=examples, scorers=[ScorerSpec("exact")], retries=retries, timeout_s=timeout_s)
    return Task(name="words", kind="generation", examples=of.examples, scorers=of.scorers, settings=of.settings)


def chat(provider: FakeProvider, name: str = "m", **params: str) -> Candidate:
    """A chat model that asks the provider."""
    return Candidate(
        name=name, kind="chat", params={"model": name, "base_url": provider.base_url, **params}, price=PRICE
    )


def opened(folder: Path) -> AbstractContextManager[Store]:
    """A store on disk."""
    return closing(open_store(folder / "store.sqlite"))


def run(of: Task, candidates: list[Candidate], store: Store) -> Evaluation:
    """The evaluation, with a key in the environment."""
    return asyncio.run(evaluate(of, candidates, store=store, env={"OPENAI_API_KEY": "sk-any-key"}))


def test_every_example_is_answered_once_and_the_bill_is_right(tmp_path: Path) -> None:
    """The small brother of `python -m benchmarks faults`: by default settings but for quicker time-outs."""
    of = words(400, retries=5)
    with (
        FakeProvider(faults=FAULTS, rates=PRICE, latency_s=0.005, seed=7) as provider,
        opened(tmp_path) as store,
    ):
        evaluation = run(of, [chat(provider)], store)
    ledger = provider.ledger
    assert (evaluation.status == Status.SCORED).all()
    assert evaluation.solved.all()
    assert evaluation.attempts.sum() == ledger.n_requests == len(provider.requests)
    assert sum(counts.sum() for counts in evaluation.tokens.values()) == sum(ledger.tokens.values())
    assert evaluation.unmetered is not None
    assert evaluation.unmetered.sum() == sum(ledger.faults[kind] for kind in LOST) > 0
    tokens = {kind: counts[0] for kind, counts in evaluation.tokens.items()}
    told = costs(PRICE, tokens=tokens, machine_s=evaluation.machine_s[0], attempts=evaluation.attempts[0])
    assert told is not None
    assert told.sum() == pytest.approx(ledger.money, abs=1e-9)
    a_call = 2 * 250e-6 + 2 * 1000e-6
    assert evaluation.cost.sum() == pytest.approx(told.sum() + a_call * evaluation.unmetered.sum(), rel=0.01)


def test_a_slow_a_wrong_and_a_broken_candidate_starve_no_other(tmp_path: Path) -> None:
    """Each has its own limiter; the quick one is done while the slow one has hardly begun."""
    of = words(200, retries=0, timeout_s=3.0)
    done: dict[str, float] = {}

    class Watch(Silent):
        def answered(self, candidate: str, done_rows: int, failed: int) -> None:
            done[candidate] = time.perf_counter()

    with (
        FakeProvider(latency_s=0.002) as quick,
        FakeProvider(latency_s=0.3) as slow,
        FakeProvider(faults=[Fault("hang")]) as hanging,
        FakeProvider(api_key="another key") as refusing,
        opened(tmp_path) as store,
    ):
        candidates = [chat(slow, "slow"), chat(hanging, "hanging"), chat(refusing, "refused"), chat(quick, "quick")]
        start = time.perf_counter()
        evaluation = asyncio.run(
            evaluate(of, candidates, store=store, env={"OPENAI_API_KEY": "sk-any-key"}, progress=Watch())
        )
    assert (evaluation.status[[0, 3]] == Status.SCORED).all()
    assert done["quick"] - start < 0.7 * (done["slow"] - start)
    assert 3 <= refusing.ledger.n_requests <= 6
    assert refusing.ledger.statuses[401] == refusing.ledger.n_requests
    assert hanging.ledger.n_requests <= 8
    assert "asks in a row were refused" in evaluation.facts["given up on refused"]


def test_a_provider_that_dies_in_the_middle_leaves_a_run_that_resumes(tmp_path: Path) -> None:
    """The same command again asks only what was not answered."""
    of = words(200, retries=0)
    with FakeProvider(faults=[Fault("reset", after=60)]) as dying, opened(tmp_path) as store:
        first = run(of, [chat(dying)], store)
    answered = int((first.status == Status.SCORED).sum())
    assert answered == 60
    assert len(dying.requests) < 200
    with FakeProvider(port=dying.port) as alive, opened(tmp_path) as store:
        second = run(of, [chat(alive)], store)
    assert (second.status == Status.SCORED).all()
    assert len(alive.requests) == 200 - answered


def test_a_real_providers_limit_is_used_and_hardly_run_against(tmp_path: Path) -> None:
    """Over real connections: nine tenths of what is allowed, a few refusals, nothing lost."""
    limits = Limits(requests=3000, burst=1 / 60)  # 50 a second, and no more than that at once
    of = words(250, retries=5)
    with (
        FakeProvider(limits=limits, latency_s=0.02) as provider,
        opened(tmp_path) as store,
    ):
        start = time.perf_counter()
        evaluation = run(of, [chat(provider)], store)
        seconds = time.perf_counter() - start
    assert (evaluation.status == Status.SCORED).all()
    assert 250 / seconds >= 0.9 * 50
    assert provider.ledger.statuses[429] <= 12
