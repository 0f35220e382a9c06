"""What is paid for is on disk before anything else happens to it, and who scores slowly keeps nobody waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.doors import Record, Store, StoredAnswer
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example
from merits.evaluating import evaluate
from merits.scorers.python import as_spec
from merits.store import open_store
from merits.store.sqlite import SqliteStore
from merits.testing.models import Replying
from tests.evaluating.making import named, parity, task

N = 40
all_committed = threading.Event()


class Watched(SqliteStore):
    """Says when all answers are on disk."""

    n_committed = 0

    def add(self, records: Sequence[Record]) -> None:
        super().add(records)
        self.n_committed += sum(isinstance(record, StoredAnswer) for record in records)
        if self.n_committed >= N:
            all_committed.set()


class OneByOne(Replying):
    """Gives answers a little apart, so that they are committed in many groups; counts those the loop got to."""

    async def _reply(self, input: JSON) -> Answer:
        await asyncio.sleep(0.02)
        return await super()._reply(input)


waited: list[bool] = []


def patient(example: Example, answer: Answer) -> Score:
    """Scores when all is on disk, which never came where commits waited for scores."""
    if not all_committed.is_set():
        waited.append(all_committed.wait(20.0))
    right = answer.output == example.target
    return Score(float(right), right)


@pytest.fixture
def store() -> Iterator[Store]:
    open_store(":memory:").close()
    opened = Watched(":memory:")
    yield opened
    opened.close()


def test_answers_are_committed_while_a_scorer_takes_its_time(store: Store) -> None:
    """A kill loses what is not committed: the seconds of a sandbox or of a network must not be among them."""
    all_committed.clear()
    waited.clear()
    of = task(N, scorers=[as_spec(patient)], concurrency=2)
    wrong = OneByOne(lambda input: Answer("odd"), fingerprint="wrong")
    found = asyncio.run(evaluate(of, named(right=OneByOne(parity, fingerprint="right"), wrong=wrong), store=store))
    assert waited == [True]
    assert np.array_equal(found.solved[0], np.ones(N, bool)), "in the order of their questions"
    assert found.solved[1].tolist() == [example.target == "odd" for example in of.split("test")]
