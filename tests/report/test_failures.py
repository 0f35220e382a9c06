"""Both ways to count failures are shown, with what each comes to."""

from __future__ import annotations

import io

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console

from merits.core.outcome import Status
from merits.report import markdown, terminal
from merits.report.page import render
from merits.report.sections.conditions import ErrorRow
from merits.report.views import ReportView
from tests.report.conftest import view_of
from tests.report.making import labelled

SAME = "Whether failures count as wrong or are left out, the verdict is the same."


def found(*, n_failed: int, n_missing: int = 0) -> ReportView:
    """Two candidates on 200 examples; the first is right on 190 and 110, and the second fails at times."""
    target = np.arange(200) % 2
    status = np.full((2, 200), Status.SCORED)
    status[1, :n_failed] = Status.FAILED
    status[1, n_failed : n_failed + n_missing] = Status.MISSING
    right = np.stack([np.arange(200) >= 10, np.arange(200) < 110])
    return view_of(labelled(["good", "shaky"], ["x", "y"], target, np.where(right, target, 1 - target), status=status))


def printed(view: ReportView) -> str:
    console = Console(width=200, file=io.StringIO(), force_terminal=False)
    terminal.render(view, console)
    return console.file.getvalue()


def test_both_shares_stand_side_by_side_with_their_intervals():
    """A candidate that fails half the time and one that is wrong half the time are not the same thing."""
    view = found(n_failed=40)
    shaky = next(row for row in view.candidates if row.name == "shaky").standing
    assert shaky.quality.value == pytest.approx(70 / 200)
    assert shaky.quality_answered.value == pytest.approx(70 / 160)
    page, text = render(view), printed(view)
    assert "both ways to count failures" in page
    for estimate in (shaky.quality, shaky.quality_answered):
        assert f'{estimate.number(estimate.value)}<span class="range">{estimate.interval()}</span>' in page
        assert f"n = {estimate.n}</span>" in page
    assert f"Left out, shaky solves {shaky.quality_answered.text()}." in text


@pytest.mark.parametrize("draw", [render, printed, markdown.render])
def test_that_the_verdict_is_the_same_both_ways_is_said(draw):
    """The reader need not wonder whether failures decided it."""
    assert SAME in draw(found(n_failed=40))


@pytest.mark.parametrize("draw", [render, printed, markdown.render])
def test_both_verdicts_are_said_where_they_differ(draw):
    """Failures that decide the matter are the first thing to mend."""
    target = np.arange(200) % 2
    status = np.full((2, 200), Status.SCORED)
    status[1, :60] = Status.FAILED
    predicted = np.stack([np.where(np.arange(200) < 30, 1 - target, target), target])
    view = view_of(labelled(["good", "Shaky"], ["x", "y"], target, predicted, status=status))
    assert view.verdict.failures == "If failures count as wrong: adopt good. If failures are left out: adopt Shaky."
    text = draw(view)
    assert "If failures count as wrong: adopt good." in text
    assert "If failures are left out: adopt Shaky." in text


@pytest.mark.parametrize("draw", [render, printed, markdown.render])
def test_nothing_is_said_of_failures_where_there_were_none(draw):
    """No empty table, no reassurance that nobody asked for."""
    text = draw(found(n_failed=0))
    assert "left out" not in text
    assert SAME not in text


def test_missing_answers_show_both_shares_too():
    """Half of the examples may not have been asked."""
    assert "both ways to count failures" in render(found(n_failed=0, n_missing=20))


def test_a_candidate_that_never_answered_has_nothing_left():
    """No share of nothing, and no odd sentence about it."""
    assert "Left out, shaky has no answer to judge." in printed(found(n_failed=200))


def test_the_terminal_says_why_questions_could_not_be_asked_and_answers_not_judged():
    """Each reason once, with whom it befell: seven broken files break for all candidates alike."""
    view = found(n_failed=40)
    errors = (
        ErrorRow("good", "bad_request", 7, 7, "cut.wav is cut off. Replace it."),
        ErrorRow("shaky", "bad_request", 7, 7, "cut.wav is cut off. Replace it."),
        ErrorRow("shaky", "timeout", 33, 33, "no answer within 60 s"),
    )
    facts = {**view.conditions.facts, "unscored": "2, the target of example 'dots' has no word"}
    text = printed(replace(view, conditions=replace(view.conditions, errors=errors, facts=facts)))
    assert (
        "Could not be asked (bad request; 7 of good, 7 of shaky), for instance: cut.wav is cut off. Replace it.\n"
        in text
    )
    assert "Could not be asked (timeout; 33 of shaky), for instance: no answer within 60 s\n" in text
    assert "Could not be judged: 2, the target of example 'dots' has no word.\n" in text
    assert "Could not be" not in printed(found(n_failed=0))
