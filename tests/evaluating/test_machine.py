"""What an answer takes of a server of one's own: shares of the time, never a sum of waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from merits.candidates.own_server import Machine
from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.prices.own_server import machine_of
from merits.store import open_store
from merits.testing.provider import FakeProvider
from tests.evaluating.making import run, task


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)).map(lambda pair: (pair[0], pair[0] + pair[1])), min_size=1)
)
def test_the_shares_sum_to_the_time_in_which_anything_was_in_flight(flights: list[tuple[float, float]]) -> None:
    """Whatever overlaps: the machine is paid by its own time."""
    events = sorted(
        [(start, 0, n) for n, (start, _) in enumerate(flights)] + [(end, 1, n) for n, (_, end) in enumerate(flights)]
    )
    now = [0.0]
    machine = Machine(clock=lambda: now[0])
    entered: dict[int, float] = {}
    total = 0.0
    for at, leaving, n in events:
        now[0] = at
        if leaving:
            total += machine.leave(entered[n])
        else:
            entered[n] = machine.enter()
    busy, reached = 0.0, 0.0
    for start, end in sorted(flights):
        busy += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    assert total == pytest.approx(busy, abs=1e-9)


def test_what_is_paid_by_the_token_is_no_machine_of_ones_own() -> None:
    """Nor is a provider's address."""
    server = Candidate(name="a", kind="chat", params={"model": "m", "base_url": "http://10.0.0.1:8000/v1"})
    assert machine_of(server) == "http://10.0.0.1:8000/v1"
    assert machine_of(replace(server, price=Price(input_per_million=1.0))) == ""
    assert (
        machine_of(Candidate(name="a", kind="chat", params={"model": "m", "base_url": "https://api.openai.com/v1"}))
        == ""
    )
    assert machine_of(Candidate(name="a", kind="most-common")) == ""


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def test_a_server_that_is_asked_in_parallel_is_paid_by_its_own_time(store: Store) -> None:
    """16 questions of 0.1 s, 8 at once, are about 0.2 s of the machine and not 1.6."""
    with FakeProvider(reply=lambda messages: "even", latency_s=0.1) as provider:
        candidate = Candidate(
            name="own",
            kind="chat",
            params={"model": "m", "base_url": provider.base_url, "labels": True},
            price=Price(machine_per_hour=3600.0),
        )
        evaluation = run(task(16, concurrency=8), [candidate], store)
    waited, busy = float(evaluation.latency_s.sum()), float(evaluation.machine_s.sum())
    assert waited >= 1.6
    assert 0.2 <= busy < 0.7 * waited
    assert np.allclose(evaluation.cost, evaluation.machine_s)
    assert evaluation.priced.all()


def test_an_attempt_that_is_cut_off_leaves_the_machine() -> None:
    """Otherwise the next answers would share it with a ghost."""
    from merits.candidates.own_server import OnMachine
    from merits.testing.models import Constant

    class Slow(Constant):
        async def answer(self, input: object) -> Answer:
            await asyncio.sleep(10)
            return Answer("late")

    now = 0.0
    machine = Machine(clock=lambda: now)

    async def cut() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(OnMachine(Slow("x"), machine).answer("?"), 0.01)

    asyncio.run(cut())
    entered = machine.enter()
    now = 5.0
    assert machine.leave(entered) == 5.0
