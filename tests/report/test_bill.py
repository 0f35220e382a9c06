"""What was paid over all runs stands beside what the answers that count cost."""

from __future__ import annotations

import msgspec

from merits.core.bill import Bill, BillRow
from merits.report import page
from merits.report.views import view
from tests.report.making import labelled


def bill(*rows: BillRow) -> Bill:
    costs = [row.cost for row in rows if row.cost is not None]
    return Bill(
        rows=rows,
        currency="USD",
        cost=sum(costs) if costs else None,
        n_unpriced=len(rows) - len(costs),
        n_unmetered=sum(row.n_unmetered for row in rows),
    )


def row(name: str, **more: object) -> BillRow:
    fields = {
        "n_answers": 7,
        "n_failed": 2,
        "n_attempts": 9,
        "n_unmetered": 0,
        "tokens": {},
        "machine_s": 0.0,
        "cost": 1.5,
    }
    return BillRow(candidate=name, **{**fields, **more})  # type: ignore[arg-type]


def shown(found: Bill | None) -> tuple[str, bytes]:
    """The page and the JSON of a report with this bill."""
    made = labelled(["a", "b"], ("x", "y"), [0, 1, 0, 1], [[0, 1, 0, 0], [0, 0, 0, 0]])
    drawn = view(made.evaluation, made.decision, examples=made.examples, answers=made.answers, bill=found)
    return page.render(drawn), msgspec.json.encode(drawn)


def test_the_page_and_the_json_show_what_was_paid_over_all_runs() -> None:
    html, data = shown(bill(row("a"), row("b", cost=None)))
    assert "paid, all runs" in html
    assert "1.5 USD" in html
    assert "price unknown" in html
    assert b'"n_attempts":9' in data


def test_attempts_whose_cost_is_not_known_are_counted_for_all_to_see() -> None:
    html, _ = shown(bill(row("a", n_unmetered=3), row("b")))
    assert "The cost of 3 attempts is not known" in html
    assert "cost not known of 3 attempts" in html


def test_without_any_stored_answer_there_is_no_bill() -> None:
    """Results of another tool: what they cost is not known here, and not nothing."""
    for found in (None, bill(row("a", n_answers=0), row("b", n_answers=0))):
        html, _ = shown(found)
        assert "paid, all runs" not in html
