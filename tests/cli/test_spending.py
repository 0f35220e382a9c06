"""What a run may spend, as it is typed: predicted, agreed to, limited, and never paid twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from merits.testing.provider import FakeProvider, Fault
from tests.cli.conftest import Merits

TASK = """
name: parity
kind: classification
data: numbers.csv
input: text
target: label
split: {test: 0.5}
candidates:
  - {name: cheap, kind: chat, model: cheap, price: {per_call: 0.001}}
  - {name: dear, kind: chat, model: dear, price: {input_per_million: 100, output_per_million: 200}}
settings: {retries: 0}
"""


@pytest.fixture
def down() -> set[str]:
    """Questions that end with one of these fail."""
    return set()


@pytest.fixture
def provider(tmp_path: Path, down: set[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider that is asked by the task in the working directory."""
    rows = ["id,text,label", *(f"{i},number {i},{'even' if i % 2 == 0 else 'odd'}" for i in range(120))]
    (tmp_path / "numbers.csv").write_text("\n".join(rows), "utf-8")
    (tmp_path / "merits.yaml").write_text(TASK, "utf-8")
    monkeypatch.chdir(tmp_path)
    fault = Fault("server_error", when=lambda messages: str(messages[-1]["content"])[-1] in down)
    with FakeProvider(reply=lambda messages: "even", faults=[fault]) as started:
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        yield started


def priced_at(folder: Path, price: str) -> None:
    task = folder / "merits.yaml"
    task.write_text(task.read_text("utf-8").replace("per_call: 0.001", price), "utf-8")


def test_a_dry_run_predicts_the_cost_with_an_interval(provider: FakeProvider, merits: Merits) -> None:
    code, out, _ = merits("run", "--dry-run")
    assert code == 0
    assert "predicted: about" in out
    _, out, _ = merits("run", "--dry-run", "--json")
    forecast = json.loads(out)["forecast"]
    assert {"value", "low", "high", "method"} <= set(forecast["cost"])
    assert [part["candidate"] for part in forecast["parts"]] == ["cheap", "dear"]
    assert provider.requests == []


def test_more_than_a_dollar_is_asked_only_when_it_was_agreed_to(
    provider: FakeProvider, merits: Merits, tmp_path: Path
) -> None:
    """Without a terminal nobody can agree, so it ends with the next step."""
    priced_at(tmp_path, "per_call: 0.5")
    code, _, err = merits("run")
    assert code == 2
    assert "may cost up to" in err
    assert "--yes" in err
    assert provider.requests == []
    code, _, err = merits("run", "--quiet", "--no-race", "--yes")
    assert code in (0, 1, 3), err
    assert len(provider.requests) == 120


def test_a_budget_is_what_was_agreed_to(provider: FakeProvider, merits: Merits, tmp_path: Path) -> None:
    priced_at(tmp_path, "per_call: 0.5")
    code, _, err = merits("run", "--quiet", "--budget", "500 USD")
    assert code in (0, 1, 3), err
    assert provider.requests


def test_who_is_asked_on_a_terminal_may_say_no(
    provider: FakeProvider, merits: Merits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    priced_at(tmp_path, "per_call: 0.5")
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    code, _, err = merits("run")
    assert code == 2
    assert "Go on? [y/N]" in err
    assert provider.requests == []
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    code, _, err = merits("run", "--no-race")
    assert code in (0, 1, 3), err
    assert len(provider.requests) == 120


def test_a_budget_that_ends_is_in_the_decision_the_report_and_the_json(
    provider: FakeProvider, merits: Merits, tmp_path: Path
) -> None:
    code, out, err = merits("run", "--no-race", "--budget", "40 calls", "--json")
    assert code in (0, 1, 3), err
    assert len(provider.requests) == 40
    said = json.loads(out)
    assert "budget-ended" in {reason["code"] for reason in said["decision"]["reasons"]}
    assert "The budget of 40 calls ended after 20 of 60 questions" in said["decision"]["summary"]
    assert "budget-ended" in (tmp_path / "parity-report.html").read_text("utf-8")


@pytest.mark.parametrize("words", [("run",), ("run", "--dry-run")])
def test_a_budget_in_money_without_a_price_is_an_error(
    provider: FakeProvider, merits: Merits, tmp_path: Path, words: tuple[str, ...]
) -> None:
    task = tmp_path / "merits.yaml"
    task.write_text(task.read_text("utf-8").replace(", price: {per_call: 0.001}", ""), "utf-8")
    code, _, err = merits(*words, "--budget", "5 USD")
    assert code == 2
    assert "no price of cheap" in err
    code, _, err = merits(*words, "--budget", "5 EUR")
    assert code == 2
    assert "EUR" in err
    assert provider.requests == []


def test_offline_refresh_and_retry(provider: FakeProvider, down: set[str], merits: Merits, tmp_path: Path) -> None:
    code, _, err = merits("run", "--no-race", "--offline")
    assert code == 2
    assert "120 answers are not in the store: 60 of cheap, 60 of dear" in err
    down.add("3")
    merits("run", "--no-race", "--quiet")
    n_failed = sum(request.fault is not None for request in provider.requests)
    assert n_failed > 2
    down.clear()
    provider.requests.clear()
    code, out, _ = merits("run", "--no-race", "--offline", "--json")
    assert provider.requests == []
    assert code in (0, 1, 3)
    assert len(json.loads(out)["bill"]["rows"]) == 2
    code, out, err = merits("run", "--no-race", "--retry-failed", "--json")
    assert len(provider.requests) == n_failed, err
    code, out, err = merits("run", "--no-race", "--refresh", "--json")
    assert len(provider.requests) == n_failed + 120, err
    bill = {row["candidate"]: row for row in json.loads(out)["bill"]["rows"]}
    assert sum(row["n_answers"] for row in bill.values()) == 240 + n_failed
    assert bill["cheap"]["cost"] == pytest.approx(0.001 * bill["cheap"]["n_attempts"])
    page = (tmp_path / "parity-report.html").read_text("utf-8")
    assert "paid, all runs" in page
    code, _, err = merits("run", "--offline", "--refresh")
    assert code == 2
