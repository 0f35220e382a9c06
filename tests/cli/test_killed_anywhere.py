"""`merits run` is killed at random moments of its whole life, with and without a budget, a race and a judge.

Its life is reading, asking, judging, sealing, deciding and writing the report. What the provider is asked twice is at
most what was in flight, and the run that is left alone at the end says what one says that was never killed. Batches,
which wait for minutes, are killed in `test_batches_killed.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merits.testing.provider import FakeProvider
from tests.cli.killing import CAN_FORK, IN_FLIGHT_S, LATENCY_S, Ledger, Runs, n_repeated

N = 120
N_KILLS = 5  # at any moment of a run that has something to ask
N_LATE_KILLS = 8  # of one for which everything is answered
TASK = """
name: words
kind: generation
data: {test: words.jsonl}
settings: {concurrency: 4}
candidates:
  - {name: quick, kind: chat, model: quick, price: {per_call: 0.001}}
  - {name: brown, kind: chat, model: brown, price: {per_call: 0.002}}
"""


@dataclass(frozen=True)
class Way:
    """By which words it is run, and by what its answers are scored."""

    words: str
    scorers: str = "[exact]"


WAYS = {
    "everybody is asked everything": Way("run --json --yes --no-race"),
    "within a budget": Way("run --json --no-race --budget '100000 calls'"),
    "a race": Way("run --json --yes --race"),
    "with a judge": Way(
        "run --json --yes --no-race",
        scorers="[{kind: judge, model: {kind: chat, model: judge, price: {per_call: 0.003}}}]",
    ),
}


def say(question: str) -> str:
    """A judge says yes; others are right two times out of three."""
    if "<<<" in question:
        return '{"reason": "so it is", "verdict": "yes"}'
    number = int(question.rsplit(maxsplit=1)[-1])
    return f"word {number}" if number % 3 else "?"


class Place:
    """A folder with a task, and a provider of its own."""

    def __init__(self, folder: Path, way: Way, provider: FakeProvider, ledger: Ledger) -> None:
        folder.mkdir()
        rows = (json.dumps({"id": str(i), "input": f"word {i}", "target": f"word {i}"}) for i in range(N))
        (folder / "words.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
        (folder / "merits.yaml").write_text(f"{TASK}scorers: {way.scorers}\n", "utf-8")
        self._folder, self._words = folder, way.words
        self.provider, self.ledger = provider, ledger
        self.runs = Runs(folder, provider)

    def whole(self) -> tuple[dict[str, Any], float]:
        """What a run says that is left alone, and its seconds."""
        code, seconds = self.runs.whole(self._words)
        assert code in (0, 1, 3), (self._folder / "errors").read_text("utf-8")
        return json.loads((self._folder / "out").read_text("utf-8")), seconds

    def killed(self, after_s: float) -> bool:
        """Whether a run was killed after so many seconds; else it had ended."""
        return self.runs.killed(self._words, after_s)


@contextmanager
def place(folder: Path, way: Way) -> Iterator[Place]:
    """The place, until it is left."""
    ledger = Ledger(say)
    with FakeProvider(ledger.reply, latency_s=LATENCY_S) as provider:
        made = Place(folder, way, provider, ledger)
        try:
            yield made
        finally:
            made.runs.close()


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork")
@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_a_run_may_be_killed_at_any_moment_of_its_life(way: Way, tmp_path: Path) -> None:
    """Five times each: nothing that was answered is paid for twice, and the end is the same."""
    generator = np.random.default_rng(0)
    with place(tmp_path / "whole", way) as undisturbed:
        expected, seconds = undisturbed.whole()
    with place(tmp_path / "killed", way) as disturbed:
        in_flight = n_killed = 0
        for _ in range(N_KILLS):
            n_killed += disturbed.killed(generator.uniform(0.0, seconds))
            killed_at = time.monotonic()
            time.sleep(2 * LATENCY_S)  # the provider answers what had reached it, and bills it
            in_flight += disturbed.ledger.n_since(killed_at - IN_FLIGHT_S)
        found, _ = disturbed.whole()
        assert n_killed > 1
        assert n_repeated(disturbed.provider) <= in_flight
    assert _what_counts(found) == _what_counts(expected)


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork")
def test_a_run_that_has_all_its_answers_may_be_killed_until_its_report_is_written(tmp_path: Path) -> None:
    """While it reads, seals, decides or draws: it asks nothing, and says the same in the end."""
    generator = np.random.default_rng(1)
    with place(tmp_path / "killed", WAYS["everybody is asked everything"]) as disturbed:
        expected, _ = disturbed.whole()
        n_asked = disturbed.ledger.n_asked
        _, seconds = disturbed.whole()
        n_killed = sum(disturbed.killed(generator.uniform(0.0, seconds)) for _ in range(N_LATE_KILLS))
        found, _ = disturbed.whole()
        assert n_killed > 1
        assert disturbed.ledger.n_asked == n_asked
    assert _what_counts(found) == _what_counts(expected)


def _what_counts(said: dict[str, Any]) -> dict[str, object]:
    """The decision, the outcomes and the bill, without times."""
    decision, rows = said["decision"], said["bill"]["rows"]
    return {
        "decision": [decision[part] for part in ("verdict", "candidate", "n_examples")],
        "outcomes": [column["outcomes"] for column in said["outcomes"]["candidates"]],
        "bill": [(row["candidate"], row["n_answers"], row["n_failed"], round(row["cost"], 9)) for row in rows],
    }
