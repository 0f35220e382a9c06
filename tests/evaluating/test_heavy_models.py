"""Models with weights take turns: in a run, in rounds, and none of that is in the seconds of their answers."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from merits.candidates.batcher import Batcher
from merits.candidates.memory import Weights
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation, Raced
from merits.core.identity import JSON
from merits.core.racing import UNLIMITED, Allowance, Round
from merits.core.task import Example, ScorerSpec, Task
from merits.evaluating import evaluate
from merits.store import open_store

_READING_S = 0.4
_BYTES = 100 * 2**20


class Machine:
    """What its models have in memory."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.most = 0
        self.read: list[str] = []

    def load(self, candidate: Candidate, context: LoadContext) -> Batcher:
        name = candidate.name

        def read() -> None:
            if name not in self.there:
                time.sleep(_READING_S)
                self.there.add(name)
                self.read.append(name)
                self.most = max(self.most, len(self.there))

        def answer(input: JSON) -> Answer:
            read()
            return Answer("a")

        def free() -> None:
            self.there.discard(name)

        return Batcher.each(answer, fingerprint=name, timeout_s=10, close=free, weights=Weights(_BYTES, read, free))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    for module in ("contenders", "running"):
        monkeypatch.setattr(f"merits.evaluating.{module}.load_any", made.load)
    return made


CANDIDATES = [Candidate(name=name, kind="constant", params={"output": name}) for name in ("one", "two", "three")]


def in_two_rounds(known: Evaluation, allowance: Allowance = UNLIMITED) -> Generator[Round, Evaluation, Raced | None]:
    for rows in (np.arange(3), np.arange(3, 6)):
        yield Round((0, 1, 2), rows)
    return None


@pytest.mark.parametrize("rounds", [False, True])
async def test_one_is_in_memory_at_a_time_and_waiting_is_in_no_latency(
    machine: Machine, tmp_path: Path, rounds: bool
) -> None:
    examples = tuple(Example(str(k), f"question {k}", "a", split="test") for k in range(6))
    task = Task(name="mine", kind="generation", examples=examples, scorers=(ScorerSpec("exact"),), folder=str(tmp_path))
    store = open_store(tmp_path / "store")
    found = await evaluate(task, CANDIDATES, store=store, schedule=in_two_rounds if rounds else None)
    assert found.solved.all()
    assert machine.most == 1
    assert not machine.there
    assert sorted(machine.read) == sorted(["one", "two", "three"] * (2 if rounds else 1))
    assert float(found.latency_s.max()) < _READING_S
