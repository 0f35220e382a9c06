"""`merits run` is killed fifty times at random moments: what is on disk is never asked again, and the bill is right."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from merits.core.evaluation import Evaluation
from merits.store import open_store
from merits.tasks.file import load_task
from merits.testing.provider import FakeProvider
from tests.cli.killing import CAN_FORK, IN_FLIGHT_S, LATENCY_S, Ledger, Runs, until

N_KILLS = 50
N = 1200
CONCURRENCY = 8
TASK = """
name: parity
kind: classification
data: numbers.csv
input: text
target: label
split: {test: 0.5}
candidates:
  - {name: quick, kind: chat, model: quick, price: {per_call: 0.001}}
  - {name: brown, kind: chat, model: brown, price: {input_per_million: 1000, output_per_million: 2000}}
settings: {concurrency: 8}
"""


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def provider(ledger: Ledger) -> Iterator[FakeProvider]:
    with FakeProvider(reply=ledger.reply, latency_s=LATENCY_S) as started:
        yield started


@pytest.fixture
def runs(tmp_path: Path, provider: FakeProvider) -> Iterator[Runs]:
    with (tmp_path / "numbers.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "text", "label"])
        rows.writerows([i, f"number {i}", "even" if i % 2 == 0 else "odd"] for i in range(N))
    (tmp_path / "merits.yaml").write_text(TASK, "utf-8")
    started = Runs(tmp_path, provider)
    yield started
    started.close()


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork")
def test_fifty_kills_repeat_only_what_was_in_flight(
    tmp_path: Path, runs: Runs, provider: FakeProvider, ledger: Ledger
) -> None:
    """After each kill the same command goes on. Peers repeat 6 to 1,039 of 1,000 answered calls here."""
    generator = np.random.default_rng(0)
    in_flight = 0
    for number in range(N_KILLS):
        n_before = len(provider.requests)
        pid = runs.start("run --quiet --no-race --json --yes")
        if number % 5:  # every fifth is killed at any moment of its start, the others while they ask
            until(lambda n=n_before: len(provider.requests) > n)
        time.sleep(generator.uniform(0.0, 0.08))
        at, n_asked = time.monotonic(), len(provider.requests)
        os.kill(pid, signal.SIGKILL)
        assert runs.wait() == signal.SIGKILL
        time.sleep(2 * LATENCY_S)  # the provider answers what had reached it, and bills it
        in_flight += ledger.n_since(at - IN_FLIGHT_S)
        assert _stored(tmp_path) <= n_asked
    pid = runs.start("run --quiet --no-race --json --yes")
    assert os.waitstatus_to_exitcode(runs.wait()) in (0, 1, 3)
    said = json.loads((tmp_path / "out").read_text("utf-8"))

    times = Counter(question for question, _ in ledger.answered)
    n_questions = len(times)
    n_repeated = len(ledger.answered) - 2 * n_questions
    assert n_questions == N // 2
    assert n_repeated <= in_flight
    assert n_repeated <= N_KILLS * 2 * 2 * CONCURRENCY  # some 10 a kill where the machine is not busy
    evaluation = _evaluation(tmp_path)
    assert evaluation.scored.all()
    assert evaluation.solved.mean() == pytest.approx(0.5)
    bill = {row["candidate"]: row for row in said["bill"]["rows"]}
    assert {name: row["n_answers"] for name, row in bill.items()} == dict.fromkeys(("quick", "brown"), n_questions)
    assert bill["quick"]["cost"] == pytest.approx(0.001 * n_questions)
    tokens = bill["brown"]["tokens"]
    assert tokens["output"] == n_questions
    assert bill["brown"]["cost"] == pytest.approx((1000 * tokens["input"] + 2000 * tokens["output"]) / 1e6)


def _stored(folder: Path) -> int:
    """How many answers are on disk."""
    if not (folder / ".merits" / "store.sqlite").exists():
        return 0
    import sqlite3

    with sqlite3.connect(folder / ".merits" / "store.sqlite") as database:
        found = database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'answers'").fetchone()[0]
        return int(database.execute("SELECT count(*) FROM answers").fetchone()[0]) if found else 0


def _evaluation(folder: Path) -> Evaluation:
    store = open_store(folder / ".merits" / "store.sqlite", write=False)
    found = store.evaluation(load_task(folder / "merits.yaml").id, "test")
    store.close()
    assert found is not None
    return found
