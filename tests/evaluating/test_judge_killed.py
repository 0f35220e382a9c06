"""`kill -9` while a judge is at work: no verdict that is on disk is paid for again, and none is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from merits.core.outcome import Status
from merits.store import open_store

ROOT = Path(__file__).parents[2]
N = 300
SCRIPT = f"""
import asyncio, os, sys
from merits.candidates.objects import as_candidate
from merits.core.identity import content_hash
from merits.core.task import Example, ScorerSpec, Task
from merits.evaluating import evaluate
from merits.store import open_store

folder = sys.argv[1]
examples = tuple(Example(f"e{{i}}", f"question {{i}}", "x") for i in range({N}))
scorer = ScorerSpec("judge", {{"model": {{"kind": "python", "function": "own:judge"}}}})
task = Task(name="t", kind="generation", examples=examples, scorers=(scorer,), folder=folder)
store = open_store(folder + "/store.sqlite")

def reply(text):
    return "the answer to " + text

found = asyncio.run(evaluate(task, [as_candidate(reply, name="a")], store=store))
store.close()
open(folder + "/task", "w").write(task.id)
"""
# In a file of its own, so that what it is stays the same over the runs; each ask is written down before the verdict.
OWN = """
import os, time
ASKED = os.environ["ASKED"]

def judge(messages):
    with open(ASKED, "a") as file:
        file.write(messages[1]["content"].split("question ")[1].split("\\n")[0] + "\\n")
    time.sleep(0.002)
    return {"verdict": "yes"}
"""


def _asked(folder: Path) -> list[str]:
    path = folder / "asked"
    return path.read_text("utf-8").split() if path.exists() else []


def _start(folder: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "ASKED": str(folder / "asked")}
    return subprocess.Popen([sys.executable, folder / "script.py", folder], env=env, stderr=subprocess.PIPE)


def test_a_judge_is_asked_again_only_what_was_in_flight(tmp_path: Path) -> None:
    """Killed three times while it judges: at most the calls in flight (8) and the group being written are repeated."""
    (tmp_path / "script.py").write_text(SCRIPT, "utf-8")
    (tmp_path / "own.py").write_text(OWN, "utf-8")
    generator = np.random.default_rng(0)
    for _ in range(3):
        n_before = len(_asked(tmp_path))
        run = _start(tmp_path)
        while len(_asked(tmp_path)) < n_before + 20 and run.poll() is None:
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.05))
        run.kill()
        run.communicate()
    last = _start(tmp_path)
    assert last.communicate()[1] == b""
    assert last.returncode == 0
    asked = _asked(tmp_path)
    assert len(set(asked)) == N
    assert len(asked) - N <= 3 * 16
    store = open_store(tmp_path / "store.sqlite")
    found = store.evaluation((tmp_path / "task").read_text(), "test")
    store.close()
    assert found is not None
    assert (found.status == Status.SCORED).all()
    assert found.judged[0].n_calls == N
