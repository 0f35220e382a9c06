"""Peers are run in a fresh process of their own, measured by the kernel, and counted by their own results."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks._peers import PEERS
from benchmarks._peers.peer import Command, Counts, Peer, prompts_in
from benchmarks._peers.tools import BareLoop, LmEval, Promptfoo

from merits.testing.provider import FakeProvider

_SCRIPT = """
import json, os, sys, urllib.request
for line in open(sys.argv[1]):
    asked = json.loads(line)
    body = json.dumps({"messages": [{"role": "user", "content": asked["input"]}]}).encode()
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    sent = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    said = json.load(urllib.request.urlopen(sent))["choices"][0]["message"]["content"]
    with open("results.jsonl", "a") as file:
        file.write(json.dumps({"answered": True, "solved": said == asked["target"]}) + "\\n")
"""


class Plain(BareLoop):
    """A peer that needs nothing but Python."""

    name, module, needs = "plain", "json", ()

    def command(self, folder: Path, base_url: str, prompts: Path, concurrency: int) -> Command:
        return Command([sys.executable, "-c", _SCRIPT, str(prompts)], {})


class Broken(Plain):
    """One that ends badly."""

    def command(self, folder: Path, base_url: str, prompts: Path, concurrency: int) -> Command:
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
    result = Plain().run(provider.base_url, prompts, 1)
    assert (3, 2, 0, "") == (result.n_calls_answered, result.n_solved, result.exit_code, result.said)
    assert 3 == len(provider.requests)
    assert 0 < result.cpu_s < 60
    assert result.peak_mb > 1


def test_a_peer_that_hangs_is_stopped_and_says_what_it_printed(prompts: Path, provider: FakeProvider) -> None:
    """A benchmark ends, whatever a tool does with faults."""
    result = Broken().run(provider.base_url, prompts, 1, timeout_s=1.0)
    assert (0, -9) == (result.n_calls_answered, result.exit_code)
    assert "no key" in result.said


def test_what_is_not_installed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompts: Path) -> None:
    """Benchmarks skip it with this message."""
    monkeypatch.setenv("MERITS_PEERS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    said = Promptfoo().available()
    assert "promptfoo is not installed" in said
    with pytest.raises(RuntimeError, match="is not installed"):
        Promptfoo().run("http://127.0.0.1:1/v1", prompts, 1)


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
    for name, peer in PEERS.items():
        folder = tmp_path / name
        folder.mkdir()
        assert peer.name == name
        assert f"/tools/{name}" == peer.command(folder, "http://127.0.0.1:1/v1", prompts, 7).words[0]
        assert Counts() == peer.counts(folder)
    tests = json.loads((tmp_path / "promptfoo" / "tests.json").read_text("utf-8"))
    assert ["a", "b", "c"] == [test["vars"]["input"] for test in tests]
    assert str(prompts) in (tmp_path / LmEval.name / "prompts.yaml").read_text("utf-8")
    assert ["a", "b", "?"] == [prompt.target for prompt in prompts_in(prompts)]
