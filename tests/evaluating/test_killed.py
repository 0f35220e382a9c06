"""`kill -9` at any moment: no acknowledged answer is lost, and none is asked for again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from merits.core.doors import AnswerKey
from merits.core.errors import StoreBusy
from merits.store import open_store
from tests.evaluating.making import task

ROOT = Path(__file__).parents[2]

# Every ask is written down before it is answered, and every acknowledged answer after `add` returned.
SCRIPT = """
import asyncio, os, sys, time
import msgspec
from merits.candidates.objects import as_candidate
from merits.core.doors import StoredAnswer
from merits.evaluating import evaluate
from merits.store import SqliteStore
from tests.evaluating.making import task

folder = sys.argv[1]
asked = os.open(folder + "/asked", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
acknowledged = os.open(folder + "/acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

class Acknowledging(SqliteStore):
    def add(self, records):
        super().add(records)
        for record in records:
            if isinstance(record, StoredAnswer):
                os.write(acknowledged, f"{record.version} {record.key.input_hash}\\n".encode())

def slow(text):
    import os, time
    os.write(ASKED, text.encode() + b"\\n")
    time.sleep(0.0005)
    return "even"

ASKED = asked
store = Acknowledging(folder + "/store.sqlite")
candidate = as_candidate(slow, name="slow")
asyncio.run(evaluate(task(N), [candidate], store=store))
store.close()
"""
N = 2000


def _start(folder: Path, *, ask_s: float = 0.0005) -> subprocess.Popen[bytes]:
    script = folder / "script.py"
    script.write_text(SCRIPT.replace("task(N)", f"task({N})").replace("sleep(0.0005)", f"sleep({ask_s})"), "utf-8")
    return subprocess.Popen(
        [sys.executable, script, folder], env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE
    )


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_killed_at_random_moments_loses_nothing_and_asks_nothing_again(tmp_path: Path, seed: int) -> None:
    """Killed four times and then run to its end: what was acknowledged is stored, what is stored is not asked."""
    generator = np.random.default_rng(seed)
    hash_of = {str(example.input): example.input_hash for example in task(N).split("test")}
    for _ in range(4):
        n_before = len(_lines(tmp_path / "acknowledged"))
        run = _start(tmp_path)
        while len(_lines(tmp_path / "acknowledged")) <= n_before and run.poll() is None:
            time.sleep(0.002)
        time.sleep(generator.uniform(0, 0.12))
        run.kill()
        run.communicate()
        lines = [line for line in _lines(tmp_path / "acknowledged") if len(line) == 65]  # the last may be cut
        acknowledged = {AnswerKey(line.split()[1]) for line in lines}
        assert len(acknowledged) > n_before or len(acknowledged) == N
        store = open_store(tmp_path / "store.sqlite")
        stored = set(store.answers(lines[0].split()[0]))
        store.close()
        assert acknowledged <= stored
        n_asked = len(_lines(tmp_path / "asked"))
        after = _start(tmp_path)
        while len(_lines(tmp_path / "asked")) < min(n_asked + 20, N) and after.poll() is None:
            time.sleep(0.002)
        after.kill()
        after.communicate()
        asked_again = {hash_of[text] for text in _lines(tmp_path / "asked")[n_asked:] if text in hash_of}
        assert not asked_again & {key.input_hash for key in stored}
    last = _start(tmp_path)
    assert last.communicate()[1] == b""
    assert last.returncode == 0
    store = open_store(tmp_path / "store.sqlite")
    evaluation = store.evaluation(task(N).id, "test")
    store.close()
    assert evaluation is not None
    assert evaluation.scored.all()


def test_an_interrupted_run_ends_at_once_and_keeps_what_was_answered(tmp_path: Path) -> None:
    """Ctrl-C, as the terminal sends it.

    An ask takes long enough that the run cannot be over before the signal comes, however busy the machine is.
    """
    run = _start(tmp_path, ask_s=0.02)
    while not _lines(tmp_path / "acknowledged") and run.poll() is None:
        time.sleep(0.002)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)[1].decode()
    assert said.rstrip().endswith("KeyboardInterrupt")
    asked, acknowledged = _lines(tmp_path / "asked"), _lines(tmp_path / "acknowledged")
    assert 0 < len(acknowledged) < N
    assert len(asked) - len(acknowledged) <= 128  # only what was in flight is lost


def test_a_second_run_on_the_same_store_is_told_to_wait(tmp_path: Path) -> None:
    """Two runs would pay for the same answers twice; the first one goes on undisturbed."""
    first = _start(tmp_path)
    while not _lines(tmp_path / "asked") and first.poll() is None:
        time.sleep(0.002)
    with pytest.raises(StoreBusy, match=f"process {first.pid}"):
        open_store(tmp_path / "store.sqlite")
    second = _start(tmp_path)
    assert f"process {first.pid}" in second.communicate()[1].decode()
    assert second.returncode != 0
    assert first.communicate()[1] == b""
    assert sorted(set(_lines(tmp_path / "asked"))) == sorted(_lines(tmp_path / "asked"))
    assert len(_lines(tmp_path / "asked")) == N
