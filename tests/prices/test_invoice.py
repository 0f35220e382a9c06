"""Bills as providers export them, in their own columns and habits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from merits.core.errors import UsageError
from merits.prices.invoice import Invoice, InvoiceLine, read_invoice
from merits.prices.reconciling import Counted, reconcile

OPENAI_USAGE = """\
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens
1793577600,1793664000,2026-11-02T00:00:00+00:00,2026-11-03T00:00:00+00:00,,10.0,,,gpt-4o-mini-2024-07-18,False,,1000,100,600
1793577600,1793664000,2026-11-02T00:00:00+00:00,2026-11-03T00:00:00+00:00,,5,,,gpt-4o-mini-2024-07-18,True,,500,50,
1793664000,1793750400,2026-11-03T00:00:00+00:00,2026-11-04T00:00:00+00:00,,,,,,,,,,
"""
OPENAI_COST = """\
start_time_iso,end_time_iso,amount_value,amount_currency,line_item
2026-11-02T00:00:00+00:00,2026-11-03T00:00:00+00:00,0.75,usd,"gpt-4o-mini-2024-07-18, input"
2026-11-02T00:00:00+00:00,2026-11-03T00:00:00+00:00,1.25e-1,usd,"gpt-4o-mini-2024-07-18, output"
"""
ANTHROPIC_USAGE = """\
usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count,inference_geo,speed
2026-11-02,claude-haiku-4-5-20251001,key,Default,standard,≤ 200k,400,50,5,600,100,0,global,
"""
ANTHROPIC_COST = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type
2026-11-02,Claude Haiku 4.5,Default,key,message,≤ 200k,input_no_cache,0.05,0.05,token
2026-11-02,Claude Haiku 4.5,Default,key,message,≤ 200k,output,0.02,0.02,token
"""


def read(tmp_path: Path, text: str, **columns: str) -> Invoice:
    (tmp_path / "bill.csv").write_text(text, "utf-8")
    return read_invoice(tmp_path / "bill.csv", columns)


def test_openais_usage_counts_cached_tokens_as_input(tmp_path: Path) -> None:
    """Standard and batch of a day are one line; days without anything are none."""
    found = read(tmp_path, OPENAI_USAGE)
    assert found.provider == "openai"
    tokens = {"input": 1500, "cache_read": 600, "output": 150}
    assert found.lines == (
        InvoiceLine(day="2026-11-02", model="gpt-4o-mini-2024-07-18", calls=15, tokens=tokens, cost=None),
    )


def test_openais_costs_are_by_kind_of_token(tmp_path: Path) -> None:
    """They are summed for each model."""
    found = read(tmp_path, OPENAI_COST)
    assert (found.provider, found.currency) == ("openai", "USD")
    assert [(line.model, line.cost) for line in found.lines] == [("gpt-4o-mini-2024-07-18", 0.875)]


def test_anthropics_usage_counts_cached_tokens_apart(tmp_path: Path) -> None:
    """Here all input is wanted, and what of it was cached."""
    (line,) = read(tmp_path, ANTHROPIC_USAGE).lines
    assert line.tokens == {"input": 1055, "cache_read": 600, "cache_write": 55, "output": 100}


def test_anthropics_costs_name_models_for_people(tmp_path: Path) -> None:
    """The name that is asked for is found all the same."""
    invoice = read(tmp_path, ANTHROPIC_COST)
    ours = counted("claude-haiku-4-5-20251001", provider="anthropic", cost=0.07)
    found = reconcile(invoice, [ours])
    assert found.agrees
    assert len(found.totals) == 1


def test_a_table_of_ones_own_may_name_its_columns(tmp_path: Path) -> None:
    """In any language, with thousands and a sign of money."""
    text = 'Datum,Modell,Betrag\n2026-11-02,m,"$1,234.50"\n'
    (line,) = read(tmp_path, text, day="Datum", model="Modell", cost="Betrag").lines
    assert line.cost == 1234.5
    with pytest.raises(UsageError, match="no column 'Preis'"):
        read(tmp_path, text, day="Datum", model="Modell", cost="Preis")


def test_a_bill_in_another_currency_is_refused(tmp_path: Path) -> None:
    """Euros and dollars do not reconcile."""
    with pytest.raises(UsageError, match="the bill is in USD, the costs are in EUR"):
        reconcile(read(tmp_path, OPENAI_COST), [], currency="EUR")


def counted(model: str, *, provider: str = "openai", cost: float | None = 1.0, **changed: object) -> Counted:
    told: dict[str, object] = {"n_unmetered": 0, "n_failed": 0, "calls": 10, "day": "2026-11-02", **changed}
    tokens = {"input": 1000, "cache_read": 0, "cache_write": 0, "output": 100}
    return Counted(model=model, provider=provider, tokens=tokens, cost=cost, **told)  # type: ignore[arg-type]


def billed(model: str, *, day: str = "2026-11-02", calls: int = 10, cost: float = 1.0, cached: int = 0) -> InvoiceLine:
    tokens = {"input": 1000, "cache_read": cached, "output": 100}
    return InvoiceLine(day=day, model=model, calls=calls, tokens=tokens, cost=cost)


def bill(*lines: InvoiceLine) -> Invoice:
    return Invoice(provider="", currency="USD", lines=lines)


def reasons(invoice: Invoice, *ours: Counted) -> str:
    return " ".join(reconcile(invoice, ours).reasons)


def test_each_reason_is_given_with_what_speaks_for_it() -> None:
    """And none where the money agrees."""
    assert reasons(bill(billed("m")), counted("m")) == ""
    assert "did not tell the usage" in reasons(bill(billed("m", cost=1.2)), counted("m", n_unmetered=2))
    assert "At the mean of the others they are 0.25" in reasons(
        bill(billed("m", cost=1.2)), counted("m", n_unmetered=2)
    )
    assert "3 calls fewer are billed" in reasons(bill(billed("m", calls=7, cost=0.7)), counted("m", n_failed=3))
    assert "600 tokens are billed as cached and 0 were" in reasons(
        bill(billed("m", cost=0.7, cached=600)), counted("m")
    )
    assert "no price" in reasons(bill(billed("m", cost=9.0, calls=90)), counted("m", cost=None, calls=1))
    assert "other users of the same key" in reasons(bill(billed("m"), billed("n")), counted("m"))
    days = bill(billed("m"), billed("m", day="2026-11-03", calls=40, cost=4.0))
    assert "nothing was counted on 2026-11-03" in reasons(days, counted("m"))


def test_midnight_is_no_difference() -> None:
    """Providers date a call by its beginning, Merits by its end."""
    ours = (counted("m"), counted("m", day="2026-11-03"))
    theirs = bill(billed("m", calls=12, cost=1.2), billed("m", day="2026-11-03", calls=8, cost=0.8))
    found = reconcile(theirs, ours)
    assert found.agrees
    assert [day.within for day in found.days] == [False, False]


def test_what_the_bill_does_not_cover_is_said_and_not_held_against_it() -> None:
    """A bill of November says nothing of October; a bill of one provider nothing of another's."""
    ours = (counted("m"), counted("m", day="2026-10-03"), counted("claude", provider="anthropic"))
    found = reconcile(bill(billed("m")), ours)
    assert (found.agrees, found.n_outside) == (True, 10)
    assert [total.model for total in found.totals] == ["m"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"date;model;cost\n2026-11-24;m;1,50\n", "its cells are separated by ';'"),
        (b"date\tmodel\tcost\n2026-11-24\tm\t1.50\n", "its cells are separated by tabs"),
        (b'{"data": [], "object": "page"}', "is JSON"),
        (b"PK\x03\x04", "is a spreadsheet or an archive"),
        (b'date,model,cost\n2026-11-24,m,"1,50"\n', "cost is '1,50', which is no number"),
        (b'date,model,cost\n2026-11-24,m,"1.234,50"\n', "which is no number"),
    ],
)
def test_a_file_that_would_be_misread_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """A decimal comma that is read as a thousand is a bill a hundred times too high."""
    (tmp_path / "bill.csv").write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(said)):
        read_invoice(tmp_path / "bill.csv")


def test_thousands_are_read_with_their_commas(tmp_path: Path) -> None:
    """As Excel writes them."""
    rows = [("1,234.50", 1234.5), ("$1,234,567", 1234567.0), (".5", 0.5), ("12e-3", 0.012), ("-2.25", -2.25)]
    for cell, cost in rows:
        (tmp_path / "bill.csv").write_text(f'date,model,cost\n2026-11-24,m,"{cell}"\n', "utf-8")
        (line,) = read_invoice(tmp_path / "bill.csv").lines
        assert line.cost == pytest.approx(cost)


def test_what_anthropic_bills_beside_models_has_a_name(tmp_path: Path) -> None:
    """A web search has no model; an empty name on the page helps nobody."""
    head = "usage_date_utc,model,workspace,api_key,usage_type,token_type,cost_usd,cost_type"
    rows = ["2026-11-24,Claude Haiku 4.5,w,k,message,output,0.25,token", "2026-11-24,,w,k,,,0.10,web_search"]
    (tmp_path / "bill.csv").write_text("\n".join([head, *rows]), "utf-8")
    lines = read_invoice(tmp_path / "bill.csv").lines
    assert {line.model: line.cost for line in lines} == {"claude-haiku-4-5": 0.25, "web_search": 0.1}
