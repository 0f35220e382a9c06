"""A provider that fails in every way: each example ends in one outcome, and calls and money are those of its ledger."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path

import msgspec
import pytest

from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.outcome import Status
from merits.core.task import Example, ScorerSpec, Settings, Task
from merits.evaluating import bill_of, evaluate
from merits.evaluating.progress import Silent
from merits.prices import costs
from merits.store import open_store
from merits.testing.provider import FakeProvider, Fault, Limits, echo
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
USUAL = (
    Fault("rate_limit", 0.05),
    Fault("server_error", 0.02),
    Fault("reset", 0.01),
    Fault("malformed", 0.01),
    Fault("hang", 0.005),
)
KEYS = {"OPENAI_API_KEY": "sk-any-key", "ANTHROPIC_API_KEY": "sk-any-key"}
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


def params(provider: FakeProvider) -> dict[str, JSON]:
    """Model and address."""
    return {"model": "m", "base_url": provider.base_url}


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


def test_by_default_settings_every_kind_ends_in_one_outcome_with_the_right_bill(tmp_path: Path) -> None:
    """Both protocols, whole and streamed, hangs included; each at a provider of its own, all at the same time."""
    of = Task(name="words", kind="generation", examples=words(300, retries=0).examples, scorers=(ScorerSpec("exact"),))
    assert of.settings == Settings()
    ways = [(kind, stream) for kind in ("chat", "anthropic") for stream in (False, True)]
    with ExitStack() as stack:
        store = stack.enter_context(opened(tmp_path))
        providers = [
            stack.enter_context(FakeProvider(faults=USUAL, rates=PRICE, latency_s=0.005, seed=3)) for _ in ways
        ]
        candidates = [
            msgspec.structs.replace(
                chat(provider, f"{kind} {stream}"), kind=kind, params={**params(provider), "stream": stream}
            )
            for provider, (kind, stream) in zip(providers, ways, strict=True)
        ]
        evaluation = asyncio.run(evaluate(of, candidates, store=store, env=KEYS))
        bill = bill_of(evaluation, store)
    assert (evaluation.status == Status.SCORED).all()
    assert evaluation.solved.all()
    for index, (candidate, provider) in enumerate(zip(candidates, providers, strict=True)):
        ledger, row = provider.ledger, bill.row(candidate.name)
        assert all(ledger.faults[fault.kind] > 0 for fault in USUAL)
        assert evaluation.attempts[index].sum() == row.n_attempts == ledger.n_requests
        assert row.tokens == {kind: n for kind, n in ledger.tokens.items() if n}
        assert row.n_unmetered == sum(ledger.faults[kind] for kind in ("reset", "malformed", "hang"))
        assert row.cost == pytest.approx(ledger.money, abs=1e-9)


def test_remote_embeddings_are_not_wrong_because_of_a_fault(tmp_path: Path) -> None:
    """The same is solved as without faults, and what answers and training were paid for is in the ledger."""
    examples = [
        Example(f"{split} {i}", f"{label} {split} {i}", label, split=split)
        for split in ("dev", "test")
        for i, label in enumerate(["post", "home"] * 40)
    ]
    of = task(examples=examples, retries=5, timeout_s=1.0)
    of = msgspec.structs.replace(of, classes=("home", "post"))
    with FakeProvider(faults=USUAL, rates=PRICE, seed=3) as failing, FakeProvider() as sound, opened(tmp_path) as store:
        candidates = [
            Candidate(name=name, kind="embeddings-remote", params=params(provider), price=PRICE)
            for name, provider in (("failing", failing), ("sound", sound))
        ]
        evaluation = run(of, candidates, store)
        bill = bill_of(evaluation, store)
    assert (evaluation.status == Status.SCORED).all()
    assert evaluation.solved[0].tolist() == evaluation.solved[1].tolist()
    row, ledger = bill.row("failing"), failing.ledger
    taught = int(evaluation.facts["training of failing"].split()[0].replace(",", ""))
    assert taught > 0
    assert row.tokens["input"] + taught == ledger.tokens["input"]
    assert row.cost is not None
    assert ledger.money is not None
    assert row.cost + taught * 250e-6 == pytest.approx(ledger.money, abs=1e-9)


def test_a_wrong_key_stops_one_of_ten_candidates_and_not_the_run(tmp_path: Path) -> None:
    """After a few calls, with a message that names it; the nine others are asked everything."""
    of = words(60, retries=5)
    with FakeProvider() as provider, FakeProvider(api_key="another key") as refusing, opened(tmp_path) as store:
        candidates = [chat(refusing if n == 4 else provider, f"m{n}") for n in range(10)]
        evaluation = run(of, candidates, store)
    others = [n for n in range(10) if n != 4]
    assert (evaluation.status[others] == Status.SCORED).all()
    assert set(evaluation.status[4].tolist()) == {Status.FAILED, Status.MISSING}
    assert evaluation.attempts[others].sum() == provider.ledger.n_requests == 9 * 60
    assert 3 <= refusing.ledger.n_requests <= 10
    assert "asks in a row were refused" in evaluation.facts["given up on m4"]
    assert not any(f"given up on m{n}" in evaluation.facts for n in others)


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


@pytest.mark.parametrize("closed", [False, True], ids=["it resets every connection", "nobody listens any more"])
def test_a_provider_that_dies_in_the_middle_leaves_a_run_that_resumes(tmp_path: Path, closed: bool) -> None:
    """The same command again asks only what was not answered."""
    of = words(200, retries=0)
    n_asked = 0

    def reply(messages: Sequence[Mapping[str, object]]) -> str:
        nonlocal n_asked
        n_asked += 1
        if closed and n_asked == 60:
            threading.Thread(target=dying.stop).start()
        return echo(messages)

    with FakeProvider(reply, faults=[] if closed else [Fault("reset", after=60)]) as dying, opened(tmp_path) as store:
        first = run(of, [chat(dying)], store)
    answered = int((first.status == Status.SCORED).sum())
    assert answered == 60 or (closed and 40 <= answered < 200)
    assert len(dying.requests) < 200
    with FakeProvider(port=dying.port) as alive, opened(tmp_path) as store:
        second = run(of, [chat(alive)], store)
    assert (second.status == Status.SCORED).all()
    assert second.solved.all()
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
