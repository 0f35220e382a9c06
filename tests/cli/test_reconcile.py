"""A provider's bill is reconciled to the cent, and a difference is explained by what is known."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from merits.cli import main
from merits.core.candidate import Price
from merits.testing.provider import FakeProvider, Fault

RATES = Price(input_per_million=150.0, output_per_million=600.0, cache_read_per_million=75.0)
_TOKENS = ("input_tokens", "input_cached_tokens", "output_tokens")
TASK = """
name: words
data: words.csv
target: label
candidates:
  - {{name: asked, kind: chat, model: fake-1, labels: true, base_url: "{url}",
     price: {{input_per_million: 150.0, output_per_million: 600.0, cache_read_per_million: 75.0}}}}
  - most-common
"""


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(
        reply=lambda messages: "good",
        rates=RATES,
        cached_tokens=2,
        reasoning_tokens=3,
        faults=[Fault("rate_limit", times=2)],
    ) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a task that was run against the fake provider."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    rows = "".join(f"the {word} word {n},{word}\n" for n in range(15) for word in ("good", "bad"))
    (tmp_path / "words.csv").write_text("text,label\n" + rows, "utf-8")
    (tmp_path / "merits.yaml").write_text(TASK.format(url=provider.base_url), "utf-8")
    assert main(["run", "--quiet", "--no-race"]) in (0, 1, 3)
    return tmp_path


def bill(folder: Path, provider: FakeProvider, *, calls: int = 0, money: float = 0.0, times: float = 1.0) -> str:
    """OpenAI's usage joined with its cost, written from the provider's own ledger."""
    ledger = provider.ledger
    tokens, path = ledger.tokens, folder / "bill.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("start_time_iso", "model", "num_model_requests", *_TOKENS, "amount"),
        )
        asked = tokens["input"] + tokens["cache_read"]
        said = tokens["output"] + tokens["reasoning"]
        cost = (ledger.money or 0.0) * times + money
        day = datetime.now(UTC).isoformat()
        writer.writerow([day, "fake-1", ledger.n_billed + calls, asked, tokens["cache_read"], said, repr(cost)])
    return str(path)


def reconciled(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = main(["reconcile", *arguments, "--json"])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return code, found


def test_what_was_counted_is_what_the_provider_bills(
    folder: Path, provider: FakeProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """To a millionth of a cent, with cached and reasoning tokens, though a tenth of the calls failed at first."""
    code, found = reconciled(capsys, bill(folder, provider), "--tolerance", "0.00000001")
    (total,) = found["totals"]  # type: ignore[misc]
    assert code == 0
    assert provider.ledger.faults["rate_limit"] > 0
    assert total["counted"]["cost"] == pytest.approx(provider.ledger.money, abs=1e-10)
    assert total["counted"]["tokens"]["input"] == total["billed"]["tokens"]["input"]
    assert total["counted"]["tokens"]["output"] == total["billed"]["tokens"]["output"]


def test_calls_of_others_are_told_from_lost_ones(
    folder: Path, provider: FakeProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """A killed run loses at most what was in flight; past that somebody else used the key."""
    code, found = reconciled(capsys, bill(folder, provider, calls=500, money=1.0))
    assert code == 1
    assert any("other users of the same key" in reason for reason in found["reasons"])  # type: ignore[attr-defined]
    made = provider.ledger.n_requests - provider.ledger.n_billed
    code, found = reconciled(capsys, bill(folder, provider, calls=made + 3, money=1.0))
    assert any("a killed run had in flight" in reason for reason in found["reasons"])  # type: ignore[attr-defined]


def test_another_price_is_named(folder: Path, provider: FakeProvider, capsys: pytest.CaptureFixture[str]) -> None:
    """The tokens agree and the money does not."""
    code, found = reconciled(capsys, bill(folder, provider, times=0.5))
    assert code == 1
    said = " ".join(found["reasons"])  # type: ignore[call-overload]
    assert "at 0.5 times the price" in said
    assert "what a batch costs" in said


def test_it_is_shown_to_people(folder: Path, provider: FakeProvider, capsys: pytest.CaptureFixture[str]) -> None:
    """With a sentence at the end."""
    path = bill(folder, provider)
    capsys.readouterr()
    assert main(["reconcile", path]) == 0
    shown = capsys.readouterr().out
    assert "fake-1" in shown
    assert "agrees with what was counted" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: there is no line with the names"),
        ("date,cost\n2026-11-01,1\n", ":1: no column says the model"),
        ("date,model\n2026-11-01,m\n", ":1: no column says a cost"),
        ("date,model,cost\n2026-11-01,m\n", ":2: 2 cells under 3 columns"),
        ("date,model,cost\nyesterday,m,1\n", ":2: 'yesterday' is no day"),
        ("date,model,cost\n2026-11-01,m,1\n2026-11-01,m,dear\n", ":3: cost is 'dear', which is no number"),
        ("date,model,input_tokens\n2026-11-01,m,-4\n", ":2: -4 input tokens"),
        ("date,model,cost\n", "bills nothing"),
    ],
)
def test_a_bad_bill_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    """Nobody wants to search a million lines."""
    from merits.core.errors import UsageError
    from merits.prices.invoice import read_invoice

    (tmp_path / "bill.csv").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=message):
        read_invoice(tmp_path / "bill.csv")
