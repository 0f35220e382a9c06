"""The section on a search: what it says of gains on dev and on test, of its cost, and of having found nothing."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from merits.core.candidate import Candidate
from merits.core.errors import StoreError
from merits.core.estimate import Estimate
from merits.core.improvement import Improvement
from merits.core.needs import Needs
from merits.report import terminal
from merits.report.drawings.search_frontier import search_frontier_chart
from merits.report.drawings.search_history import search_history_chart
from merits.report.page import render
from merits.report.sections.search import SearchSection, search_section
from merits.report.views import ReportView, view
from merits.store import keep_search, kept_search
from tests.report.making import labelled
from tests.report.searches import LONG, found_nothing, gain, searched, trial
from tests.report.test_page import read

EVIL = "<script>alert(1)</script>\"'&\x1b[31m[red]"


def section(improvement: Improvement | None = None, **needs: float) -> SearchSection:
    found = search_section(searched() if improvement is None else improvement, Needs(**needs))
    assert found is not None
    return found


def report(improvement: Improvement | None, names: tuple[str, str] = ("base", "cheap")) -> ReportView:
    target = np.arange(40) % 2
    made = labelled([*names], ["a", "b"], target, [target, 1 - target], prices=[0.002, 0.0001])
    return view(
        made.evaluation, made.decision, examples=made.examples, answers=made.answers, made_at="now", search=improvement
    )


def printed(shown: ReportView, width: int = 80) -> str:
    file = io.StringIO()
    terminal.render(shown, Console(width=width, file=file, force_terminal=False))
    return file.getvalue()


def test_a_search_that_gained_says_what_what_is_left_and_when_it_pays() -> None:
    found = section(volume_per_month=100_000)
    assert found.tone == "good"
    assert "cascade of cheap and base is certainly cheaper at no loss" in found.headline
    assert "6 candidates were tried on dev by 3 techniques" in found.sentences[0]
    assert "1 could not be evaluated" in found.sentences[0]
    assert [row.gain.text for row in found.gains] == list(found.sentences[1:3])
    assert "97.5 % each: together they hold at 95 %" in found.sentences[3]
    assert found.worth_it.startswith("It took 2.2 min, and all answers on dev cost 6 USD")
    assert "after 4,000 [2,000–9,000] cases: within 2 days, at most 3 days at 100,000 cases a month" in found.worth_it


def test_without_a_volume_it_is_paid_back_after_so_many_cases() -> None:
    assert section().worth_it.endswith("pays that back after 4,000 [2,000–9,000] cases.")


def test_what_one_case_pays_back_is_paid_back_by_the_first() -> None:
    first = Estimate(value=1.0, low=1.0, high=1.0, level=0.95, n=800, unit="count", method="ends together")
    made = msgspec.structs.replace(gain("base #1"), pays_back_after=first)
    assert section(searched(gains=[made])).worth_it.endswith("base #1 pays that back with the first case.")


def test_a_search_that_found_nothing_says_so_and_how_far_it_looked() -> None:
    found = section(found_nothing())
    assert (found.headline, found.tone, found.gains) == ("The search found nothing better", "bad", ())
    assert found.sentences[0].startswith("2 candidates were tried on dev")
    assert "nothing was put to the test" in found.sentences[1]
    assert "The best of them, base #2, solves 78.0 % [76.0–80.0 %] there; base 80.0 %" in found.sentences[1]
    assert found.worth_it.endswith("Nothing pays that back.")


@pytest.mark.parametrize(
    ("holds", "tone", "headline"),
    [("not shown", "open", "Nothing is shown on test"), ("worse", "bad", "What looked better on dev is worse on test")],
)
def test_what_does_not_hold_on_test_is_no_success(holds: str, tone: str, headline: str) -> None:
    found = section(searched(gains=[gain("base #1", holds=holds)]))
    assert found.tone == tone
    assert found.headline.startswith(headline)
    assert found.worth_it.endswith("Nothing pays that back.")


def test_an_unknown_cost_and_an_end_before_the_end_are_said() -> None:
    found = section(searched(cost=None, stopped="budget"))
    assert "is not known, for a price is missing" in found.worth_it
    assert "The budget (3 min) ended before the search did: the same command goes on." in found.sentences[0]
    assert "stopped before its end" in section(searched(stopped="interrupted")).sentences[0]


def test_the_best_so_far_counts_only_what_was_asked_everything_and_may_be_used() -> None:
    trials = [
        trial(2, "tuning", "a", 0.82),
        trial(3, "tuning", "part", 0.99, n_rows=50),
        trial(4, "tuning", "forbidden", 0.98, ruled_out=True),
        trial(5, "tuning", "crashed", None),
        trial(6, "tuning", "b", 0.81),
    ]
    found = section(searched(trials))
    assert [point.best for point in found.trials] == [0.82] * 5
    assert [point.whole for point in found.trials] == [True, False, False, False, True]
    assert [point.best for point in found.given] == [0.80, 0.80]


def test_a_trial_that_was_asked_in_rounds_is_one_point() -> None:
    rounds = [msgspec.structs.replace(trial(2, "tuning", "a", 0.9, n_rows=n), number=2 + n) for n in (50, 100, 400)]
    found = section(searched([*rounds, trial(500, "tuning", "b", 0.85)]))
    assert [(point.name, point.whole, point.best) for point in found.trials] == [("a", True, 0.9), ("b", True, 0.9)]


def test_whom_the_verdict_names_is_said_where_that_is_another() -> None:
    for chosen, said in (("stack", True), (LONG, False), ("", False)):
        found = search_section(searched(), Needs(), chosen)
        assert found is not None
        assert any("The verdict names stack: it is on the given candidates" in one for one in found.sentences) == said


def test_two_turns_of_a_technique_are_one_row_and_what_was_left_out_comes_last() -> None:
    made = searched()
    twice = msgspec.structs.replace(made, techniques=(*made.techniques, made.techniques[0]))
    rows = section(twice).techniques
    assert [row.record.name for row in rows] == ["cascades", "tuning", "voting", "prompting"]
    assert (rows[0].record.n_trials, rows[0].record.seconds) == (4, 3.0)
    assert rows[3].outcome == "not tried: no candidate is a chat model."


def test_tiny_costs_are_of_as_many_cases_as_can_be_read() -> None:
    trials = [
        trial(2, "tuning", "a", 0.9, 2e-7),
        trial(3, "tuning", "b", 0.8, 3e-7),
        trial(4, "tuning", "c", 0.8, 4e-7),
    ]
    found = section(searched(trials))
    assert found.n_cases == 1_000_000
    cost = found.trials[0].cost
    assert cost is not None
    assert cost.value == pytest.approx(0.2)


def test_values_are_money_where_that_is_searched_for() -> None:
    made = searched(objective="net value")
    worth = tuple(one if one.value is None else msgspec.structs.replace(one, value=3e-5) for one in made.trials)
    found = section(msgspec.structs.replace(made, trials=worth))
    assert (found.n_cases, found.n_valued, found.trials[0].best) == (1, 1_000, pytest.approx(0.03))
    chart = search_history_chart(found)
    assert chart is not None
    assert "net value of 1,000 cases on dev (USD)" in chart.wide


def test_no_search_is_no_section() -> None:
    shown = report(None)
    assert search_section(None, Needs()) is None
    assert shown.search is None
    assert 'id="search"' not in render(shown)


def test_the_section_stands_right_after_the_verdict_and_has_its_drawings() -> None:
    page = render(report(searched()))
    found = read(page)
    assert (found.mistakes, found.open) == ([], [])
    assert page.index('id="search"') < page.index('id="candidates"')
    for drawing in ("What 6 trials were worth on dev", "Share of cases solved on dev", "Importance of the parameters"):
        assert drawing in page
    assert f'<span title="{LONG}">' in page
    assert "It took 2.2 min" in page


def test_a_search_that_found_nothing_has_no_table_of_gains() -> None:
    page = render(report(found_nothing()))
    assert "The search found nothing better." in page
    assert "What the search gained" not in page
    assert "What was tried, and what was not" in page


def test_a_search_that_tried_nothing_has_words_only() -> None:
    shown = report(searched([], [], techniques=(), importances={}, n_searched=0))
    assert shown.search is not None
    assert search_history_chart(shown.search) is None
    assert search_frontier_chart(shown.search) is None
    assert "0 candidates were tried on dev." in render(shown)


def test_a_thousand_trials_make_a_drawing_of_a_few_hundred() -> None:
    many = [trial(n, "tuning", f"base #{n}", 0.5 + (n * 37 % 400) / 1_000, kept=n == 700) for n in range(2, 1_500)]
    chart = search_history_chart(section(searched(many)))
    assert chart is not None
    assert len(chart.wide) < 150_000
    assert "1,498 trials" in chart.description


def test_what_is_far_below_does_not_press_the_rest_together() -> None:
    trials = [trial(n, "tuning", f"base #{n}", 0.80 + n / 1_000) for n in range(2, 30)] + [
        trial(30, "tuning", "bad", 0.1)
    ]
    chart = search_history_chart(section(searched(trials)))
    assert chart is not None
    assert "80%" in chart.wide or "80.0%" in chart.wide
    assert "20%" not in chart.wide


def test_hostile_names_and_reasons_are_texts() -> None:
    bad = EVIL * 9
    made = searched(
        [trial(2, EVIL, bad, 0.9, kept=True), trial(3, EVIL, "b", None, failed=EVIL)],
        [gain(bad, given=EVIL)],
        importances={bad: {EVIL: 1.0}},
    )
    records = tuple(msgspec.structs.replace(one, title=EVIL, skipped=EVIL, kept=(bad,)) for one in made.techniques)
    shown = report(msgspec.structs.replace(made, techniques=records), (EVIL, "other"))
    page = render(shown)
    found = read(page)
    assert (found.mistakes, found.open) == ([], [])
    assert "script" not in found.tags
    assert "\x1b" not in page
    text = printed(shown)
    assert "\x1b" not in text
    assert "[red]" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_recipe_of_what_was_found_is_shown_with_its_instructions() -> None:
    """As a task file says it. A router may hold a whole dictionary: of that the beginning is enough."""
    asked = Candidate(
        name="found",
        kind="chat",
        params={"model": "m", "system": f"Say it.\nIn one word. {EVIL}", "packed": "x" * 90_000, "at": [1] * 900},
    )
    tried = msgspec.structs.replace(trial(2, "prompting", "found", 0.9, kept=True), candidate=asked)
    (recipe,) = section(searched([tried], [gain("found")])).recipes
    assert recipe.text.startswith(
        "- name: found\n  kind: chat\n  model: m\n  system: |-\n    Say it.\n    In one word. "
    )
    assert len(recipe.text) < 5_000
    assert "… 870 more" in recipe.text
    page = render(report(searched([tried], [gain("found")])))
    assert "The recipe of <span>found</span>" in page
    assert "script" not in read(page).tags


def test_the_terminal_says_it_after_the_verdict() -> None:
    text = printed(report(searched()))
    assert (
        text.index("Adopt base") < text.index("is certainly cheaper at no loss") < text.index("candidates, best first")
    )
    assert "not tried: no candidate is a chat" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "The search found nothing better." in printed(report(found_nothing()))


def test_a_view_with_a_search_is_json() -> None:
    said = msgspec.json.decode(msgspec.json.encode(report(searched())))
    assert said["search"]["headline"].startswith("vote by confidence")
    assert len(said["search"]["points"]) == 8


def test_a_search_is_kept_beside_the_store_the_latest_of_a_task(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    assert kept_search("0" * 32, store) is None
    keep_search(found_nothing(), store)
    keep_search(searched(), store)
    assert kept_search("0" * 32, store) == searched()
    assert kept_search("1" * 32, store) is None
    keep_search(searched(), ":memory:")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["improvements"]
    (tmp_path / "improvements" / f"{'0' * 32}.json").write_text("{}", "utf-8")
    with pytest.raises(StoreError, match=r"cannot read .*Remove it"):
        kept_search("0" * 32, store)


def test_few_trials_are_numbered_once_each() -> None:
    """A drawing of two trials had 0 0 0 1 1 1 1 2 2 2 below it."""
    few = section(searched([trial(2, "tuning", "base #1", 0.82)]))
    chart = search_history_chart(few)
    assert chart is not None
    assert [chart.wide.count(f">{n}</text>") for n in range(3)] == [1, 1, 1]
