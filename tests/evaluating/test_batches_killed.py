"""`kill -9` at any moment between "submitted" and "collected": every question is accepted once, and answered."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from merits.store import open_store
from merits.testing.provider import BatchFault, FakeBatches, FakeProvider
from tests.evaluating.making import task
from tests.evaluating.test_batches import even_or_odd

ROOT = Path(__file__).parents[2]
N = 100
N_KILLS = 12

# Four batches of 25 of one candidate: with Anthropic they cannot be told apart but by what is in their results.
SCRIPT = """
import asyncio, os, sys
from merits.candidates.anthropic_batches import AnthropicBatches
from merits.candidates.batching import Limits
from merits.candidates.openai_batches import OpenAIBatches
from merits.core.batching import Batching
from merits.core.candidate import Candidate
from merits.evaluating import evaluate
from merits.store import open_store
from tests.evaluating.making import task

kind, folder = sys.argv[1:]
AnthropicBatches.limits = OpenAIBatches.limits = Limits(n_requests=25, n_bytes=1_000_000)
store = open_store(folder + "/store.sqlite")
asked = Candidate(name="m", kind=kind, params={"model": "small"})
batching = Batching(poll_s=0.02, grace_s=0.3)
asyncio.run(evaluate(task(N), [asked], store=store, batching=batching))
store.close()
"""


def _start(kind: str, folder: Path, url: str) -> subprocess.Popen[bytes]:
    script = folder / "script.py"
    script.write_text(SCRIPT.replace("task(N)", f"task({N})"), "utf-8")
    where = {f"{name}_BASE_URL": url for name in ("OPENAI", "ANTHROPIC")}
    keys = {f"{name}_API_KEY": "sk-test-0123456789" for name in ("OPENAI", "ANTHROPIC")}
    env = {**os.environ, "PYTHONPATH": str(ROOT), **where, **keys}
    return subprocess.Popen([sys.executable, script, kind, folder], env=env, stderr=subprocess.PIPE)


@pytest.mark.parametrize("kind", ["chat", "anthropic"])
def test_a_run_killed_at_random_moments_submits_nothing_twice(tmp_path: Path, kind: str) -> None:
    """Also not when it dies between the provider's acceptance and its own note of it: each reply comes late here."""
    generator = np.random.default_rng(3)
    fake = FakeBatches(even_or_odd, takes_s=2.0, faults=[BatchFault("delay_reply", seconds=0.1)], page=2)
    with FakeProvider(even_or_odd, batches=fake) as provider:
        for _ in range(N_KILLS):
            n_before = fake.n_requests
            run = _start(kind, tmp_path, provider.base_url)
            while fake.n_requests == n_before and run.poll() is None:
                time.sleep(0.001)
            time.sleep(generator.uniform(0, 0.3))
            run.kill()
            run.communicate()
        last = _start(kind, tmp_path, provider.base_url)
        assert last.communicate(timeout=60)[1] == b""
        assert last.returncode == 0
    assert set(fake.n_asked().values()) == {1}
    assert len(fake.n_asked()) == N
    store = open_store(tmp_path / "store.sqlite")
    evaluation = store.evaluation(task(N).id, "test")
    assert {each.stage for each in store.submissions()} <= {"collected", "intended", "void"}
    store.close()
    assert evaluation is not None
    assert evaluation.scored.all()
