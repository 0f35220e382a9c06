"""What people see of a search that was made: in the report, in `merits report` after it, and while it runs."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from merits.cli.search_plan import plan_in_words, render_search_plan
from merits.cli.watching import Bars, Lines
from merits.core.racing import Budget
from merits.flow import run, stored_run
from merits.improved import improve, plan_improvement
from merits.report.page import render
from merits.searching import Plan, Unwatched
from tests.searching import test_search as made_up
from tests.searching.test_search import of, proposing, solving, technique

techniques = made_up.techniques
Techniques = dict[str, object]


class Asked(Unwatched):
    """A watcher that remembers what is left."""

    def __init__(self) -> None:
        self.seconds: list[float | None] = []
        self.amounts: list[Budget | None] = []

    def left(self, seconds: float | None, amount: Budget | None) -> None:
        self.seconds.append(seconds)
        self.amounts.append(amount)


@pytest.fixture
def searchable(techniques: Techniques) -> Techniques:
    """Two techniques: one finds something better, and fails with another; one has nothing to do here."""

    def crash(text: str) -> str:
        raise RuntimeError("boom")

    from merits.candidates.objects import as_candidate

    techniques["made-up"] = technique(
        proposing(solving("worse", 0.5)[1], as_candidate(crash, name="crashing"), solving("better", 0.9)[1])
    )
    techniques["other"] = technique(proposing(), why_not="there is nothing to put together.")
    return techniques


def test_the_report_of_a_search_holds_it(searchable: Techniques) -> None:
    done = improve(of(200, solving("base", 0.6)[1]), store=":memory:")
    shown = done.run.view.search
    assert shown is not None
    assert shown.headline == "better is certainly better"
    assert [row.gain.text for row in shown.gains] == [gain.text for gain in done.improvement.gains]
    assert [(point.name, point.kept) for point in shown.trials] == [
        ("worse", False),
        ("crashing", False),
        ("better", True),
    ]
    assert [row.outcome for row in shown.techniques] == [
        "tried all it had",
        "not tried: there is nothing to put together.",
    ]
    page = render(done.run.view)
    assert "better is certainly better than base: +30.0 points" in page
    assert "What 3 trials were worth on dev" in page


def test_merits_report_shows_the_search_again_while_what_it_found_is_there(
    searchable: Techniques, tmp_path: Path
) -> None:
    """Until another evaluation of the task is of others: of these the search says nothing."""
    task, store = of(100, solving("base", 0.6)[1]), tmp_path / "store.sqlite"
    done = improve(task, store=store)
    again = stored_run(task, store=store)
    assert again.view.search == done.run.view.search
    assert again.decision.candidate == "better"
    run(task, store=store)
    assert stored_run(task, store=store).view.search is None


def test_a_search_that_found_nothing_is_shown_with_the_next_report(searchable: Techniques, tmp_path: Path) -> None:
    task, store = of(100, solving("base", 0.95)[1]), tmp_path / "store.sqlite"
    done = improve(task, store=store)
    assert done.run.view.search is not None
    assert done.run.view.search.headline == "The search found nothing better"
    run(task, store=store)
    assert stored_run(task, store=store).view.search == done.run.view.search


def test_whoever_watches_is_told_what_is_left(searchable: Techniques) -> None:
    task = of(50, solving("base", 0.6)[1])
    told = Asked()
    improve(task, store=":memory:", budget="10 min, 9 USD", watching=told)
    seconds = [one for one in told.seconds if one is not None]
    assert len(seconds) == len(told.seconds) == 4  # before its turn, and after each round
    assert seconds == sorted(seconds, reverse=True)
    assert 0.0 < seconds[-1] < 600.0
    amounts = [one.amount for one in told.amounts if one is not None]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[-1] == pytest.approx(9.0 - 3 * 50 * 0.01 - 0.0, abs=0.51)
    free = Asked()
    improve(task, store=":memory:", watching=free)
    assert set(free.seconds) == set(free.amounts) == {None}


def test_lines_say_each_trial_the_best_so_far_and_what_is_left(searchable: Techniques) -> None:
    out = io.StringIO()
    long = "vote of " + ", ".join(f"candidate number {n}" for n in range(9))
    searchable["made-up"] = technique(proposing(solving(long, 0.7)[1], solving("better\x1b[2J", 0.9)[1]))
    improve(of(60, solving("base", 0.6)[1]), store=":memory:", budget="9 min, 50 USD", watching=Lines(out=out))
    lines = out.getvalue().splitlines()
    assert "not other: there is nothing to put together." in lines
    assert "— made-up" in lines
    assert [line for line in lines if line.startswith("  1. vote of candidate numb…7, candidate number 8: 68.3 %")]
    assert [line for line in lines if "best so far: better (9" in line and "min, 4" in line and "USD left" in line]
    assert "\x1b" not in out.getvalue()
    assert "— the finalists meet the test examples" in lines
    assert not [line for line in lines if long in line]


def test_a_terminal_has_a_bar_for_each_technique(searchable: Techniques) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with Bars(console=console) as bars:
        improve(of(60, solving("base", 0.6)[1]), store=":memory:", budget="9 min", watching=bars)
    text = Console(file=io.StringIO()).render_str(console.file.getvalue()).plain  # type: ignore[attr-defined]
    assert "3 tried, 1 failed, kept 1" in text
    assert "best: better" in text
    assert "min left" in text
    assert "the test" in text


def plan_of(searchable: Techniques, **more: str) -> Plan:
    return plan_improvement(of(60, solving("base", 0.6, cost=0.02)[1]), store=":memory:", **more)


def test_a_plan_is_two_tables(searchable: Techniques) -> None:
    searchable["asking"] = technique(proposing(), effort="asks")
    plan = plan_of(searchable, budget="5 min")
    file = io.StringIO()
    render_search_plan(plan, Console(file=file, width=80))
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "what will be tried, in this order" in text
    assert text.index("made-up") < text.index("asking") < text.index("what will not") < text.index("nothing to put")
    assert "a trial that asks all of dev anew costs about what that did: 1.2 USD of base" in text
    assert "budget: 5 min" in text


def test_a_plan_with_nothing_in_it_says_so(techniques: Techniques) -> None:
    techniques["other"] = technique(proposing(), why_not="there is nothing to put together.")
    words = plan_in_words(plan_of(techniques))
    assert words[-1] == "Nothing fits: there is nothing to search with."
    assert "best given on dev: base, solves" in words[0]


def test_the_section_of_a_real_search_is_json_and_back(searchable: Techniques) -> None:
    done = improve(of(60, solving("base", 0.6)[1]), store=":memory:")
    assert msgspec.json.decode(msgspec.json.encode(done.improvement), type=type(done.improvement)) == done.improvement
