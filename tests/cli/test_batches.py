"""Batches as a user meets them: submit in the evening, collect in the morning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from merits.testing.provider import FakeBatches, FakeProvider
from tests.cli.conftest import Merits
from tests.evaluating.test_batches import even_or_odd

TASK = """
name: parity
kind: classification
data: numbers.csv
input: text
target: parity
split: {method: stratified, test: 0.5, seed: 0}
needs:
  requirements: ["accuracy >= 0.5 @ 95%", "p95_latency <= 800 ms"]
candidates:
  - {name: small, kind: chat, model: small, labels: false, price: {input_per_million: 1.0, output_per_million: 2.0}}
  - {name: claude, kind: anthropic, model: claude, labels: false, price: {input_per_million: 1.0}}
  - {name: always, kind: constant, output: even}
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBatches]:
    """Providers of both dialects whose batches take some time, and the task in the working directory."""
    rows = "".join(f"number {n},{'even' if n % 2 == 0 else 'odd'}\n" for n in range(240))
    (tmp_path / "numbers.csv").write_text(f"text,parity\n{rows}", "utf-8")
    (tmp_path / "merits.yaml").write_text(TASK, "utf-8")
    monkeypatch.chdir(tmp_path)
    fake = FakeBatches(even_or_odd, takes_s=1.0)
    with FakeProvider(even_or_odd, batches=fake) as provider:
        for name in ("OPENAI", "ANTHROPIC"):
            monkeypatch.setenv(f"{name}_BASE_URL", provider.base_url)
            monkeypatch.setenv(f"{name}_API_KEY", "sk-test-0123456789")
        yield fake


def test_submit_and_collect(fake: FakeBatches, merits: Merits) -> None:
    """The same command twice; what it says in between is when to come back, with exit code 3."""
    code, _, err = merits("run", "--batch", "--no-wait")
    assert code == 3
    assert "answers are on their way in batches" in err
    assert "by 20" in err
    assert "they race only with --race" in err
    assert "p95_latency <= 800 ms: not known from batches" in err
    code, out, _ = merits("run", "--batch", "--poll", "0.1", "--json")
    found = json.loads(out)["decision"]
    assert code == 3  # undecided: the latency is not known
    standings = {standing["candidate"]: standing for standing in found["standings"]}
    assert standings["small"].get("latency_p95_s") is None
    assert standings["always"]["latency_p95_s"]["value"] < 1
    assert standings["small"]["quality"]["value"] == standings["claude"]["quality"]["value"] == 1.0
    assert sorted(batch.dialect for batch in fake.batches) == ["anthropic", "openai"]
    assert set(fake.n_asked().values()) == {2}


def test_what_is_in_flight_was_agreed_to_and_is_not_predicted_again(fake: FakeBatches, merits: Merits) -> None:
    """To collect costs nothing, so it needs no --yes, and no budget is too small for it."""
    task = Path("merits.yaml")
    dear = "{input_per_million: 9000.0, output_per_million: 9000.0, batch_factor: 0.5}"
    task.write_text(
        task.read_text("utf-8")
        .replace("{input_per_million: 1.0}", dear)
        .replace("output: even", "output: even, price: {per_call: 0}"),
        "utf-8",
    )
    asked = ["run", "--batch", "--only", "claude", "--only", "always"]
    for answers in (["--yes"], []):
        code, _, err = merits(*asked, "--no-wait", *answers)
        assert code == 3, err
        assert ("predicted: about" in err) == bool(answers)
    code, _, err = merits(*asked, "--poll", "0.1", "--budget", "0.01 USD")
    assert code in (0, 1, 3), err
    assert set(fake.n_asked().values()) == {1}


def test_what_is_in_flight_is_not_asked_again_by_a_run_without_batch(fake: FakeBatches, merits: Merits) -> None:
    """It says what to type instead."""
    merits("run", "--batch", "--no-wait", "--quiet")
    code, _, err = merits("run", "--quiet")
    assert code == 2
    assert "Run with --batch" in err
    assert len(fake.batches) == 2


def test_a_batch_that_its_provider_does_not_know_ends_with_the_reason(fake: FakeBatches, merits: Merits) -> None:
    """Not with exit code 3 and "come back later": coming back does not help."""
    merits("run", "--batch", "--no-wait", "--quiet")
    fake.batches.clear()
    code, _, err = merits("run", "--batch", "--no-wait", "--quiet")
    said = " ".join(err.split())
    assert code == 4
    assert "240 answers in batches could not be collected" in said
    assert "404: No batch found with id 'batch_" in said
    assert "next: Use the key and the address that it was submitted with." in said
    assert "on their way" not in said
    assert fake.batches == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--no-wait",), "--no-wait is about batches. next: Add --batch, or leave --no-wait out."),
        (("--poll", "5"), "--poll is about batches."),
        (("--batch", "--offline"), "--offline asks nothing, and --batch asks."),
        (("--batch", "--poll", "0"), "argument --poll: '0' is no number above 0."),
    ],
)
def test_options_that_contradict_each_other_are_said_so(
    fake: FakeBatches, merits: Merits, words: tuple[str, ...], said: str
) -> None:
    """Before anything is asked."""
    code, _, err = merits("run", *words)
    assert code == 2
    assert said in " ".join(err.split())
    assert fake.n_requests == 0


def test_a_batch_is_predicted_at_what_it_costs(fake: FakeBatches, merits: Merits, tmp_path: Path) -> None:
    """Half the price in the dry run, so that nobody is frightened off or has to agree to twice the money."""
    task = (tmp_path / "merits.yaml").read_text("utf-8")
    halved = task.replace("output_per_million: 2.0}", "output_per_million: 2.0, batch_factor: 0.5}")
    (tmp_path / "merits.yaml").write_text(halved, "utf-8")
    usual, batched = (
        _predicted(merits("run", "--dry-run", "--json")),
        _predicted(merits("run", "--dry-run", "--batch", "--json")),
    )
    assert batched["small"]["cost"]["value"] == pytest.approx(usual["small"]["cost"]["value"] / 2)
    assert batched["small"]["tokens"] == usual["small"]["tokens"]
    assert batched["claude"]["cost"] is None  # its price says nothing of batches


def test_a_budget_that_affords_a_batch_only_is_enough_for_one(
    fake: FakeBatches, merits: Merits, tmp_path: Path
) -> None:
    """The same money that is too little at the full price."""
    task = (tmp_path / "merits.yaml").read_text("utf-8")
    halved = task.replace("output_per_million: 2.0}", "output_per_million: 2.0, batch_factor: 0.5}")
    (tmp_path / "merits.yaml").write_text(halved, "utf-8")
    only = ("--only", "small")
    full = _predicted(merits("run", "--dry-run", "--json", *only))["small"]["cost"]["high"]
    code, _, err = merits("run", "--batch", "--poll", "0.1", "--quiet", "--yes", "--budget", f"{full * 0.6} USD", *only)
    assert (code, err) in ((0, ""), (3, ""))
    assert set(fake.n_asked().values()) == {1}


def test_a_budget_in_money_needs_a_price_of_the_batch(fake: FakeBatches, merits: Merits) -> None:
    """The price of what is asked one by one says nothing of it."""
    code, _, err = merits("run", "--batch", "--budget", "5 USD", "--only", "small")
    assert code == 2
    assert "nobody can tell what they will come to" in " ".join(err.split())
    assert fake.batches == []


def _predicted(said: tuple[int, str, str]) -> dict[str, dict[str, dict[str, float]]]:
    code, out, _ = said
    assert code == 0
    return {part["candidate"]: part for part in json.loads(out)["forecast"]["parts"]}
