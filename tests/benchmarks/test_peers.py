"""Peers are run in a fresh process of their own, measured by the kernel, and counted by their own results."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks._peers import PEERS
from benchmarks._peers.own import Merits
from benchmarks._peers.peer import Command, Counts, Job, Peer, prompts_in
from benchmarks._peers.tools import BareLoop, Inspect, LmEval, Promptfoo

from merits.core.candidate import Price
from merits.testing.provider import FakeProvider, Fault

_SCRIPT = """
import json, os, sys, urllib.request
for line in open(sys.argv[1]):
    asked = json.loads(line)
    body = json.dumps({"messages": [{"role": "user", "content": asked["input"]}]}).encode()
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    sent = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    said = json.load(urllib.request.urlopen(sent))["choices"][0]["message"]["content"]
    with open("results.jsonl", "a") as file:
        file.write(json.dumps({"input": asked["input"], "answered": True, "solved": said == asked["target"]}) + "\\n")
"""


class Plain(BareLoop):
    """A peer that needs nothing but Python."""

    name, module, needs = "plain", "json", ()

    def command(self, folder: Path, job: Job) -> Command:
        return Command([sys.executable, "-c", _SCRIPT, str(job.prompts)], {})


class Broken(Plain):
    """One that ends badly."""

    def command(self, folder: Path, job: Job) -> Command:
        return Command([sys.executable, "-c", "import time; print('no key', flush=True); time.sleep(60)"], {})


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Three prompts, of which an echo solves two."""
    rows = [{"input": "a", "target": "a"}, {"input": "b", "target": "b"}, {"input": "c", "target": "?"}]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


def test_a_peer_is_measured_and_counted(prompts: Path, provider: FakeProvider) -> None:
    """Its own results say what it answered; the kernel says what its process took."""
    result = Plain().run(Job(provider.base_url, prompts, 1))
    counts = result.counts
    assert (3, 3, 2, 0, "") == (counts.n_once, counts.n_answered, counts.n_solved, result.exit_code, result.said)
    assert (None, None) == (counts.n_calls, counts.money)
    assert 3 == len(provider.requests)
    assert 0 < result.cpu_s < 60
    assert result.peak_mb > 1


def test_a_peer_that_hangs_is_stopped_and_says_what_it_printed(prompts: Path, provider: FakeProvider) -> None:
    """A benchmark ends, whatever a tool does with faults."""
    result = Broken().run(Job(provider.base_url, prompts, 1), timeout_s=1.0)
    assert (0, -9) == (result.counts.n_answered, result.exit_code)
    assert "no key" in result.said


def test_what_is_not_installed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompts: Path) -> None:
    """Benchmarks skip it with this message."""
    monkeypatch.setenv("MERITS_PEERS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    said = Promptfoo().available()
    assert "promptfoo is not installed" in said
    with pytest.raises(RuntimeError, match="is not installed"):
        Promptfoo().run(Job("http://127.0.0.1:1/v1", prompts, 1))


def test_a_folder_that_is_named_is_looked_into_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m benchmarks._peers install FOLDER` makes such folders."""
    program = tmp_path / "promptfoo" / "node_modules" / ".bin" / "promptfoo"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("MERITS_PEERS", str(tmp_path))
    assert str(program) == Promptfoo().found()


def test_every_peer_writes_what_its_tool_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompts: Path) -> None:
    """The commands can be made without the tools."""
    monkeypatch.setattr(Peer, "found", lambda self: f"/tools/{self.name}")
    job = Job("http://127.0.0.1:1/v1", prompts, 7)
    for name, peer in PEERS.items():
        folder = tmp_path / name
        folder.mkdir()
        assert peer.name == name
        assert f"/tools/{name}" == peer.command(folder, job).words[0]
        assert Counts() == peer.counts(folder)
    tests = json.loads((tmp_path / "promptfoo" / "tests.json").read_text("utf-8"))
    assert ["a", "b", "c"] == [test["vars"]["input"] for test in tests]
    assert str(prompts) in (tmp_path / LmEval.name / "prompts.yaml").read_text("utf-8")
    assert ["a", "b", "?"] == [prompt.target for prompt in prompts_in(prompts)]


def test_a_tool_that_was_killed_goes_on_with_its_own_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompts: Path
) -> None:
    """Where it has one; else with the same."""
    monkeypatch.setattr(Peer, "found", lambda self: f"/tools/{self.name}")
    job = Job("http://127.0.0.1:1/v1", prompts, 7)
    assert "--resume" in Promptfoo().again(tmp_path, job).words
    assert "eval" == Inspect().again(tmp_path, job).words[1]  # nothing is there yet
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "one.eval").touch()
    assert ["eval-retry", str(tmp_path / "logs" / "one.eval")] == list(Inspect().again(tmp_path, job).words[1:3])
    assert LmEval().command(tmp_path, job) == LmEval().again(tmp_path, job)


def test_a_tool_is_killed_as_soon_as_it_is_meant_to_be(tmp_path: Path, prompts: Path, provider: FakeProvider) -> None:
    """And what it had done by then counts."""
    job = Job(provider.base_url, prompts, 1)
    killed = Broken().run_in(tmp_path, job, killed_when=lambda: (tmp_path / "output").read_bytes() != b"")
    assert -9 == killed.exit_code
    assert killed.seconds < 30


def test_what_the_tools_say_of_calls_and_money_is_read(tmp_path: Path) -> None:
    """From files as promptfoo writes them; a row that failed has no tokens."""
    usage = {"total": 4, "prompt": 2, "completion": 2, "numRequests": 1}
    good = {"vars": {"input": "a"}, "success": True, "failureReason": 0, "tokenUsage": usage, "cost": 0.25}
    wrong = {**good, "vars": {"input": "b"}, "success": False, "failureReason": 1}
    failed = {"vars": {"input": "c"}, "success": False, "failureReason": 2, "cost": 0}
    rows = "".join(json.dumps(row) + "\n" for row in (good, wrong, failed, failed))
    (tmp_path / "results.jsonl").write_text(rows + '{"cut', "utf-8")
    assert Counts(3, 2, 2, 1, n_calls=2, tokens=8, money=0.5) == Promptfoo().counts(tmp_path)


def test_merits_is_run_and_counted_as_the_others_are(prompts: Path) -> None:
    """Its own results say what it asked and what that cost; so does the provider."""
    rates = (1000.0, 2000.0)
    price = Price(input_per_million=rates[0], output_per_million=rates[1])
    with FakeProvider(rates=price, faults=[Fault("server_error", times=1)]) as provider:
        done = Merits().run(Job(provider.base_url, prompts, 4, rates))
        money = provider.ledger.money
    counts = done.counts
    assert (3, 3, 3, 2, 4, 6) == (
        counts.n_outcomes, counts.n_once, counts.n_answered, counts.n_solved, counts.n_calls, counts.tokens
    )  # fmt: skip
    assert money == pytest.approx(counts.money) == pytest.approx(0.009)
    assert (0, money) == (counts.n_unmetered, pytest.approx(counts.money_at_most))
