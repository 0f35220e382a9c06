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
from merits.candidates.chat import Endpoint, Params
from merits.candidates.objects import as_candidate
from merits.candidates.openai_batches import OpenAIBatches
from merits.core.answer import Answer, Usage
from merits.core.batching import Batching
from merits.core.candidate import Candidate
from merits.evaluating import evaluate
from merits.store import open_store
from tests.evaluating.making import task

dialect, folder, url = sys.argv[1:]
AnthropicBatches.limits = OpenAIBatches.limits = Limits(n_requests=25, n_bytes=1_000_000)

class Messages:
    concurrency = None
    fingerprint = "messages"

    def __init__(self, url):
        self.url, self.endpoint = url, None  # what is known of it before it is asked makes it the same in every process

    def body(self, input):
        return {"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": input}]}

    def answer_of(self, reply):
        return Answer(reply["content"][0]["text"], usage=Usage(input_tokens=reply["usage"]["input_tokens"]))

    def batches(self):
        self.endpoint = Endpoint(Params(model="small"), self.url, os.environ)
        return AnthropicBatches(self.endpoint.wire())

    async def answer(self, input):
        raise RuntimeError("asked alone")

    async def close(self):
        if self.endpoint:
            await self.endpoint.close()

store = open_store(folder + "/store.sqlite")
asked = Candidate(name="m", kind="chat", params={"model": "small"}) if dialect == "openai" else as_candidate(
    Messages(url), name="m")
batching = Batching(poll_s=0.02, grace_s=0.3)
asyncio.run(evaluate(task(N), [asked], store=store, batching=batching))
store.close()
"""


def _start(dialect: str, folder: Path, url: str) -> subprocess.Popen[bytes]:
    script = folder / "script.py"
    script.write_text(SCRIPT.replace("task(N)", f"task({N})"), "utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-test-0123456789"}
    return subprocess.Popen([sys.executable, script, dialect, folder, url], env=env, stderr=subprocess.PIPE)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_run_killed_at_random_moments_submits_nothing_twice(tmp_path: Path, dialect: str) -> None:
    """Also not when it dies between the provider's acceptance and its own note of it: each reply comes late here."""
    generator = np.random.default_rng(3)
    fake = FakeBatches(even_or_odd, takes_s=2.0, faults=[BatchFault("delay_reply", seconds=0.1)], page=2)
    with FakeProvider(even_or_odd, routes=fake.routes) as provider:
        for _ in range(N_KILLS):
            n_before = fake.n_requests
            run = _start(dialect, tmp_path, provider.base_url)
            while fake.n_requests == n_before and run.poll() is None:
                time.sleep(0.001)
            time.sleep(generator.uniform(0, 0.3))
            run.kill()
            run.communicate()
        last = _start(dialect, tmp_path, provider.base_url)
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
