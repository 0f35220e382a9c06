"""`merits run` is killed fifty times at random moments: what is on disk is never asked again, and the bill is right."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from merits.core.evaluation import Evaluation
from merits.store import open_store
from merits.tasks.file import load_task
from merits.testing.provider import FakeProvider

N_KILLS = 50
N = 1200
CONCURRENCY = 8
LATENCY_S = 0.02
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
# A process that has imported everything and forks one `merits run` for each line it reads: fifty starts of Python
# would take longer than all that is tested here. The runs are processes of their own, and really killed.
STARTER = """
import os, sys
import numpy, pyreqwest.client, scipy.special
import merits.cli.run, merits.evaluating, merits.report.page, merits.store, merits.tasks.file, merits.candidates.chat
from merits.cli import main
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os._exit(main(line.split()))
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


class Ledger:
    """What the provider answered, and when; it bills all of it."""

    def __init__(self) -> None:
        self.answered: list[tuple[str, float]] = []
        self._lock = threading.Lock()

    def reply(self, messages: Sequence[Mapping[str, object]]) -> str:
        with self._lock:
            self.answered.append((str(messages[-1]["content"]), time.monotonic()))
        return "even"


class Runs:
    """`merits run` as processes."""

    def __init__(self, folder: Path, provider: FakeProvider) -> None:
        env = {**os.environ, "OPENAI_BASE_URL": provider.base_url, "OPENAI_API_KEY": "any"}
        self._starter = subprocess.Popen(
            [sys.executable, "-c", STARTER],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, words: str) -> int:
        """The number of a new process."""
        assert self._starter.stdin is not None
        self._starter.stdin.write(f"{words}\n")
        self._starter.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        """How the process ended, as `os.waitpid` says it."""
        return int(self._line())

    def _line(self) -> str:
        assert self._starter.stdout is not None
        return self._starter.stdout.readline()

    def close(self) -> None:
        self._starter.communicate("", timeout=20)


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_fifty_kills_repeat_only_what_was_in_flight(
    tmp_path: Path, runs: Runs, provider: FakeProvider, ledger: Ledger
) -> None:
    """After each kill the same command goes on. Peers repeat 6 to 1,039 of 1,000 answered calls here."""
    generator = np.random.default_rng(0)
    lost = in_flight = 0
    for number in range(N_KILLS):
        n_before = len(provider.requests)
        pid = runs.start("run --quiet --no-race --json --yes")
        if number % 5:  # every fifth is killed at any moment of its start, the others while they ask
            _until(lambda n=n_before: len(provider.requests) > n)
        time.sleep(generator.uniform(0.0, 0.08))
        at, n_asked = time.monotonic(), len(provider.requests)
        os.kill(pid, signal.SIGKILL)
        assert runs.wait() == signal.SIGKILL
        time.sleep(2 * LATENCY_S)  # the provider answers what had reached it, and bills it
        in_flight += sum(1 for _, when in ledger.answered if when > at - 0.05)
        stored = _stored(tmp_path)
        lost = len(ledger.answered) - stored
        assert stored <= n_asked
    pid = runs.start("run --quiet --no-race --json --yes")
    assert os.waitstatus_to_exitcode(runs.wait()) in (0, 1, 3)
    said = json.loads((tmp_path / "out").read_text("utf-8"))

    times = Counter(question for question, _ in ledger.answered)
    n_questions = len(times)
    n_repeated = len(ledger.answered) - 2 * n_questions
    assert n_questions == N // 2
    assert n_repeated == lost <= in_flight
    assert lost <= N_KILLS * 2 * CONCURRENCY
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


def _until(fact, seconds: float = 20.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not fact() and time.monotonic() < end:
        time.sleep(0.002)
