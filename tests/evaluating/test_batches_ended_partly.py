"""A batch of which only a part was answered: each example ends in one outcome, and nothing is paid twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.outcome import Status
from merits.evaluating.billing import bill_of
from merits.store import open_store
from merits.testing.provider import BatchFault, FakeBatches, FakeProvider
from tests.evaluating.making import task
from tests.evaluating.test_batches import about, even_or_odd, run

N = 40
PRICE = Price(input_per_million=3.0, output_per_million=15.0, batch_factor=0.5)
ERRORS = {0: 400, 1: 401, 2: 403, 3: 404, 4: 429, 5: 500, 6: 529}
ERRED = tuple(BatchFault("error", when=about(number), status=status, times=1) for number, status in ERRORS.items())
EXPIRED = BatchFault("expire", when=about(10, 11), times=2)
CANCELLED = BatchFault("cancel", when=about(20, 21, 22), times=3)
LEFT_OUT = BatchFault("leave_out", when=about(30), times=1)
CUT = BatchFault("cut_results", times=2)
LOST = BatchFault("lose_reply", times=1)
KINDS = {
    "chat": [
        "bad_request",
        "unauthorised",
        "unauthorised",
        "bad_request",
        "rate_limited",
        "server_error",
        "rate_limited",
    ],
    "anthropic": ["bad_request", "unauthorised", "unauthorised", "bad_request", "rate_limited"] + 2 * ["server_error"],
}


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("kind", "faults", "n_cancelled"),
    [
        ("chat", (*ERRED, EXPIRED, LEFT_OUT), 0),
        ("chat", (*ERRED, EXPIRED, LEFT_OUT, CUT, LOST), 0),
        ("chat", (*ERRED, CANCELLED, CUT, LOST), 3),  # OpenAI's batches are cancelled whole
        ("anthropic", (*ERRED, EXPIRED, CANCELLED, LEFT_OUT), 3),
        ("anthropic", (*ERRED, EXPIRED, CANCELLED, LEFT_OUT, CUT, LOST), 3),
    ],
)
def test_each_example_has_one_outcome_and_is_paid_once(
    store: Store, kind: str, faults: Sequence[BatchFault], n_cancelled: int
) -> None:
    """Errors of every kind, expired, cancelled and left out, also when results and replies are cut."""
    fake = FakeBatches(even_or_odd, takes_s=0.05, faults=faults, seed=7)
    asked = Candidate(name="m", kind=kind, params={"model": "m", "labels": False}, price=PRICE)
    with FakeProvider(even_or_odd, batches=fake, rates=PRICE) as server:
        env = _env(server)
        first = run(task(N), env, store, candidates=(asked,))
        (row,) = bill_of(first, store).rows
        ledger = server.ledger
        assert (row.cost, row.n_attempts) == (pytest.approx(ledger.money, abs=1e-12), ledger.n_requests)
        failed, missing = (np.flatnonzero(first.status[0] == each) for each in (Status.FAILED, Status.MISSING))
        assert failed.tolist() == list(ERRORS)
        assert missing.tolist() == [20, 21, 22][:n_cancelled]
        assert first.scored.sum() == first.solved.sum() == N - len(failed) - len(missing)
        failures = [each.failure for each in store.answers(first.versions[0]).values() if each.failure is not None]
        assert sorted(failure.kind for failure in failures) == sorted(KINDS[kind])
        second = run(task(N), env, store, candidates=(asked,))
        (row,) = bill_of(second, store).rows
        assert row.cost == pytest.approx(ledger.money, abs=1e-12)
    assert second.solved.all()
    assert set(_answered(fake).values()) == {1}
    assert len(_answered(fake)) == N == ledger.n_billed
    assert [each.stage for each in store.submissions()] == ["collected"] * len(fake.batches)
    assert len(fake.batches[-1].requests) == len(failed) + n_cancelled


@pytest.mark.parametrize("kind", ["chat", "anthropic"])
def test_what_is_read_twice_happened_once(store: Store, kind: str) -> None:
    """Results that are longer than what a client buffers are half read when they are cut: failures among them too."""
    wrong = BatchFault("error", when=lambda messages: str(messages[-1]["content"]).endswith("7"))
    fake = FakeBatches(even_or_odd, faults=(wrong, BatchFault("cut_results", times=4)))
    asked = Candidate(name="m", kind=kind, params={"model": "m", "labels": False}, price=PRICE)
    with FakeProvider(even_or_odd, batches=fake, rates=PRICE) as server:
        evaluation = run(task(1500), _env(server), store, candidates=(asked,))
        (row,) = bill_of(evaluation, store).rows
        assert row.n_attempts == server.ledger.n_requests == 1500
        assert row.cost == pytest.approx(server.ledger.money, abs=1e-12)
    assert (evaluation.failed.sum(), evaluation.solved.sum()) == (150, 1350)


def _env(server: FakeProvider) -> dict[str, str]:
    where = {f"{name}_BASE_URL": server.base_url for name in ("OPENAI", "ANTHROPIC")}
    return where | {f"{name}_API_KEY": "sk-test-0123456789" for name in ("OPENAI", "ANTHROPIC")}


def _answered(fake: FakeBatches) -> Counter[str]:
    """How often each question was answered, which is when it is paid."""
    return Counter(
        str(body["messages"][-1]["content"])  # type: ignore[index]
        for batch in fake.batches
        for (_, body), fault in zip(batch.requests, batch.became, strict=True)
        if fault is None
    )
