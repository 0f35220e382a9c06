"""A run that dies at each step between "submit" and "collected": the next one asks nothing twice and loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from merits.core.batching import Submission
from merits.core.candidate import Candidate, Price
from merits.core.doors import Record, Store, StoredAnswer
from merits.core.errors import StoreError
from merits.evaluating.billing import bill_of
from merits.store import open_store
from merits.testing.provider import BatchFault, FakeBatches, FakeProvider
from tests.evaluating.making import task
from tests.evaluating.test_batches import about, even_or_odd, run

N = 20
PRICE = Price(input_per_million=3.0, output_per_million=15.0, per_call=0.01, batch_factor=0.5)


class Died(Exception):
    """The end of a process, as far as a test can have it in its own."""


class Dying:
    """A store whose process dies when something is written: just before that is on disk, or just after."""

    def __init__(self, store: Store, at: str, *, after: bool) -> None:
        self._store, self._at, self._after = store, at, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def add(self, records: Sequence[Record]) -> None:
        """Writes, and dies."""
        met = any(_step(record) == self._at for record in records)
        if not met or self._after:
            self._store.add(records)
        if met:
            raise Died


def _step(record: Record) -> str:
    if isinstance(record, Submission):
        return record.stage
    return "answers" if isinstance(record, StoredAnswer) else ""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", ["intended", "sent", "accepted", "answers", "collected"])
@pytest.mark.parametrize("kind", ["chat", "anthropic"])
def test_a_run_that_dies_at_any_step_is_gone_on_with(tmp_path: Path, kind: str, at: str, after: bool) -> None:
    """Also between the provider's acceptance and the note of it, and between the answers and the note of those."""
    wrong = BatchFault("error", when=about(3), status=500)
    fake = FakeBatches(even_or_odd, faults=(wrong,))
    asked = Candidate(name="m", kind=kind, params={"model": "m", "labels": False}, price=PRICE)
    with FakeProvider(even_or_odd, batches=fake, rates=PRICE) as server:
        env = _env(server)
        opened = open_store(tmp_path / "store.sqlite")
        with pytest.raises((Died, StoreError)):
            run(task(N), env, cast("Store", Dying(opened, at, after=after)), candidates=(asked,))
        opened.close()
        n_accepted = len(fake.batches)
        again = open_store(tmp_path / "store.sqlite")
        is_whole = sum(len(again.answers(each.version)) for each in again.submissions()) == N
        evaluation = run(task(N), env, again, candidates=(asked,))
        stages = [each.stage for each in again.submissions()]
        (row,) = bill_of(evaluation, again).rows
        again.close()
    assert n_accepted == (at not in ("intended", "sent"))
    assert is_whole or at != "collected"
    assert [len(batch.requests) for batch in fake.batches] == (
        [N, 1] if is_whole else [N]
    )  # what failed is tried again
    assert np.flatnonzero(evaluation.failed[0]).tolist() == [3]
    assert evaluation.solved.sum() == N - 1
    assert {stage for stage in stages if stage != "collected"} <= {"intended", "void"}
    assert stages.count("collected") == len(fake.batches)
    assert row.n_attempts == server.ledger.n_requests == N + is_whole
    assert row.tokens["input"] == server.ledger.tokens["input"]


def test_a_batch_that_was_stored_whole_is_noted_as_collected_by_a_run_that_asks_nothing(tmp_path: Path) -> None:
    """Else a refresh would for ever be told that its questions are on their way."""
    fake = FakeBatches(even_or_odd)
    with FakeProvider(even_or_odd, batches=fake) as server:
        opened = open_store(tmp_path / "store.sqlite")
        with pytest.raises(Died):
            run(task(N), _env(server), cast("Store", Dying(opened, "collected", after=False)))
        assert [each.stage for each in opened.submissions()] == ["accepted"]
        n_before = fake.n_requests
        assert run(task(N), _env(server), opened, batching=None).solved.all()
        assert [each.stage for each in opened.submissions()] == ["collected"]
        assert fake.n_requests == n_before
        opened.close()


def test_a_second_try_at_what_failed_is_not_taken_for_collected(tmp_path: Path) -> None:
    """The failures that are stored are those of the first batch: the second one's answers are still to come."""
    fake = FakeBatches(even_or_odd, faults=(BatchFault("error", when=about(3, 4), times=2),))
    with FakeProvider(even_or_odd, batches=fake) as server:
        opened = open_store(tmp_path / "store.sqlite")
        assert run(task(N), _env(server), opened).failed.sum() == 2
        with pytest.raises(Died):
            run(task(N), _env(server), cast("Store", Dying(opened, "accepted", after=True)))
        assert run(task(N), _env(server), opened).solved.all()
        assert [each.stage for each in opened.submissions()] == ["collected", "collected"]
        opened.close()
    assert [len(batch.requests) for batch in fake.batches] == [N, 2]


def _env(server: FakeProvider) -> dict[str, str]:
    where = {f"{name}_BASE_URL": server.base_url for name in ("OPENAI", "ANTHROPIC")}
    return where | {f"{name}_API_KEY": "sk-test-0123456789" for name in ("OPENAI", "ANTHROPIC")}
