"""The whole story on real data that was not made for Merits. Skipped, saying so, where the data are absent."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from merits.testing.provider import FakeProvider, Fault
from tests.cli.conftest import Merits

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "labelled"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")


@needs_data
def test_banking77_from_the_file_to_the_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits
) -> None:
    """77 intents, train and test in two files: naive Bayes is certainly better than the commonest answer."""
    monkeypatch.chdir(tmp_path)
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_bytes((DATA / "banking77" / name).read_bytes())
    assert merits("init", "train.csv")[0] == 0
    code, out, _ = merits("check", "--json")
    assert code == 0
    assert "leakage" in {warning["code"] for warning in json.loads(out)["warnings"]}
    code, out, _ = merits("run", "--json", "--only", "most-common", "--only", "naive-bayes")
    decision = json.loads(out)["decision"]
    assert (code, decision["verdict"], decision["candidate"]) == (0, "adopt", "naive-bayes")
    quality = {standing["candidate"]: standing["quality"] for standing in decision["standings"]}
    assert quality["naive-bayes"]["low"] > 0.6
    assert quality["most-common"]["high"] < 0.03
    assert quality["naive-bayes"]["n"] == 3080


def replies(share: float, seed: int) -> Callable[[Sequence[object]], str]:
    """A provider that solves this share of GSM8K, in a sentence as chat models write them."""
    chance = random.Random(seed)
    known = {}
    for line in (DATA / "gsm8k" / "test.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        target = row["answer"].rpartition("####")[2].strip()
        known[row["question"]] = target if chance.random() < share else str(chance.randint(1000, 9999))
    return lambda messages: f"Step by step we find it. The answer is {known[messages[-1]['content']]}."  # type: ignore[index]


@needs_data
def test_gsm8k_with_two_rented_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits) -> None:
    """They race, faults are retried, the bill is that of the provider's own ledger, and again asks for nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-in-the-test")
    (tmp_path / "problems.jsonl").write_bytes((DATA / "gsm8k" / "test.jsonl").read_bytes())
    assert merits("init", "problems.jsonl")[0] == 0
    faults = [Fault("rate_limit", probability=0.02, retry_after_s=0.01), Fault("server_error", probability=0.01)]
    with (
        FakeProvider(replies(0.92, 1), faults=faults, seed=1) as strong,
        FakeProvider(replies(0.60, 2), faults=faults, seed=2) as weak,
    ):
        task = (tmp_path / "merits.yaml").read_text("utf-8")
        task += f"""
  - {{name: strong, kind: chat, model: strong-1, base_url: "{strong.base_url}", price: {{per_call: 0.002}}}}
  - {{name: weak, kind: chat, model: weak-1, base_url: "{weak.base_url}", price: {{per_call: 0.0001}}}}
"""
        (tmp_path / "merits.yaml").write_text(task, "utf-8")
        code, out, err = merits("run", "--json", "--yes")
        asked = len(strong.requests), len(weak.requests)
        again, _, _ = merits("run", "--json", "--yes")
        assert asked == (len(strong.requests), len(weak.requests))
        whole, said, _ = merits("run", "--json", "--no-race", "--yes")
    decision = json.loads(out)["decision"]
    assert (code, again, decision["verdict"], decision["candidate"]) == (0, 0, "adopt", "strong"), err
    standing = next(standing for standing in decision["standings"] if standing["candidate"] == "strong")
    assert decision["race"]["stopped"] == "decided"
    assert decision["race"]["n_asked"] < 0.4 * decision["race"]["n_without"]
    assert (standing["n_missing"], standing["n_failed"]) == (0, 0)
    assert standing["quality"]["low"] < 0.92 < standing["quality"]["high"]
    bill = standing["cost_per_1000"]["value"] * standing["n_scored"] / 1000
    assert round(bill, 6) == round(0.002 * asked[0], 6)
    everything = json.loads(said)["decision"]
    assert (whole, everything["candidate"], everything["race"]) == (0, "strong", None)
    assert all(standing["n_scored"] == 656 for standing in everything["standings"] if standing["n_scored"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"sk-planted" in path.read_bytes()]
