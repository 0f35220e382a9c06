"""The terminal and Markdown renderings fit, and pass on no escape."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console

from merits.core.decision import Reason
from merits.core.evaluation import Counted
from merits.core.needs import Needs, Requirement
from merits.report import markdown, profile_table, terminal
from tests.report.conftest import view_of
from tests.report.making import labelled, synthetic

EVIL = "[red]x[/red]\x1b[2J\x1b]0;t\x07|<b>[a](http://e)@me"


def printed(view, width=80) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    terminal.render(view, console)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def hostile():
    target = np.arange(40) % 2
    return view_of(
        labelled(
            [f"{EVIL}{i}" for i in range(2)],
            [f"{EVIL}no", f"{EVIL}yes"],
            target,
            [target, 1 - target],
            needs=Needs(requirements=(Requirement("accuracy", ">=", 0.5, text=EVIL),)),
            said=lambda i, j: EVIL,
            task_name=EVIL,
        )
    )


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits(report, width):
    """No line is longer than the terminal, and no figure is cut off."""
    text = printed(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for row in report.candidates:
        assert row.name in text


def test_the_verdict_comes_first_and_the_next_step_last(report):
    """What is read first, and what is read when it scrolls by."""
    text = printed(report)
    assert text.index("Adopt neighbours.") < text.index("candidates, best first")
    assert text.rstrip().splitlines()[-1].startswith("next: ") or "next: " in text[-300:]


def test_a_candidate_that_names_no_label_is_said_beside_a_choice(report):
    """Its figure is not what it seems; the other reasons beside a choice are for the report."""
    others = Reason(code="worse", text="b is worse.", candidate="b")
    talking = Reason(code="off-list", text="30 of 30 answers of smol are none of the labels.", candidate="smol")
    text = printed(replace(report, reasons=(others, talking)))
    assert "- 30 of 30 answers of smol" in text
    assert "b is worse" not in text


def test_hostile_texts_do_nothing_to_a_terminal(hostile):
    """Neither escapes nor markup."""
    text = printed(hostile)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]x[/red]" in text


def test_markdown_opens_no_link_tag_cell_or_mention(hostile):
    """It goes onto the page of a CI step."""
    text = markdown.render(hostile)
    assert "\x1b" not in text
    assert "\\|\\<b\\>\\[a\\](http:\\//e)\\@me" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1


def test_markdown_says_verdict_figures_and_next_step(report):
    """Short, and with intervals."""
    text = markdown.render(report)
    assert text.startswith("## 🟢 digits: Adopt neighbours")
    assert "| **neighbours** | 98.8 % \\[97.8–99.3 %\\] | 3 met |" in text
    assert "**Next:**" in text


def test_a_profile_is_printed_within_80_columns():
    """merits check is the first thing a user sees."""
    from merits.tasks.make import make_task
    from merits.tasks.profile import profile

    rows = [{"text": f"{word} number {n}", "label": word} for n in range(30) for word in ("good", "bad")]
    rows.append({"text": "good number 3", "label": "bad"})
    console = Console(width=80, file=io.StringIO())
    profile_table.render(profile(make_task(rows, name="words[red]")), console)
    text = console.file.getvalue()
    assert text.startswith("words[red]: classification")
    assert "conflicting-targets" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_plan_is_printed_with_its_counts():
    """merits run --dry-run."""
    from merits.evaluating.planning import Part, Plan

    console = Console(width=80, file=io.StringIO())
    terminal.render_plan(Plan((Part("a[b]", "v", 1_000, 400, 2),)), console)
    line = next(line for line in console.file.getvalue().splitlines() if "a[b]" in line)
    assert line.split() == ["a[b]", "1,000", "400", "600", "2"]


def test_undecided_is_said_once():
    """The headline says it, so the paragraph need not begin with it."""
    target = np.arange(40) % 2
    text = printed(view_of(labelled(["only"], ["no", "yes"], target, [target])))
    assert text.count("Undecided") == 1
    assert "There is nothing to compare." in text


def test_one_example_is_no_examples():
    """On the terminal and on the page."""
    from merits.report.page import render

    view = view_of(labelled(["a", "b"], ["no", "yes"], [0], [[0], [1]]))
    page, text = render(view), printed(view)
    assert "tickets: 1 test example " in text
    assert "1 test example, 2 candidates" in page
    assert "2 candidates on 1 example." in page
    assert "1 test examples" not in text + page
    assert "1 examples" not in page


def test_measures_of_scorers_stand_on_the_terminal():
    """Who requires a word error rate wants to see it; those of labels are in the report."""
    made = synthetic(40, k=2, n_classes=2)
    wrong = np.stack([np.tile([0.0, 2.0], (2, 20)), np.full((2, 40), 8.0)], axis=-1)
    evaluation = dataclasses.replace(made.evaluation, counts={"wer": Counted("error_rate", wrong)})
    out = printed(view_of(dataclasses.replace(made, evaluation=evaluation)))
    assert "over all answers" in out
    assert "wer" in out
    assert "12.5 %" in out or "0.125" in out
    assert "macro F1" not in out
    assert "over all answers" not in printed(view_of(made))
