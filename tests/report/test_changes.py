"""Comparisons and gates as people and CI systems see them: within 80 columns, escaped, valid whatever a model said."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.changes import Change, changes
from merits.deciding.gate import Gate, judge_gate
from merits.deciding.pairing import Side
from merits.report import changes_markdown, changes_terminal, junit
from merits.report.changes import facts, headline
from tests.deciding.evaluations import evaluation_of, first

HOSTILE = "\x1b[31mred\x1b[0m ]]> <b>&amp; \x00\x0b \ud800 \ufffe @team [x](http://evil) | `code`"


def side(solved: np.ndarray, label: str, **more: object) -> Side:
    return Side(label, evaluation_of({"model": solved}, **more), 0)  # type: ignore[arg-type]


def change(label: str = "new") -> Change:
    row = np.arange(200)
    topic = np.where(row < 40, "fraud", "sales")
    old = side(row < 150, "old", tags={"topic": topic})
    return changes(old, [side((row >= 12) & (row < 155), label, tags={"topic": topic})])[0]


def gate(*, margin: float = 0.02, label: str = "new") -> tuple[Gate, Side]:
    status = np.where(np.arange(200) >= 198, Status.UNSCORED, Status.SCORED)
    status[197] = Status.FAILED
    new = side(first(150, 200), label, status={"model": status})
    needs = Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=0.9),))
    return judge_gate(new, side(first(160, 200), "old"), needs, margin=margin, confidence=0.95), new


def on_terminal(draw: object, *args: object) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    draw(*args, console)  # type: ignore[operator]
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_headline_has_interval_n_and_p_value() -> None:
    """No difference is shown without what is known of it."""
    assert headline(change()) == (
        "new and old cannot be told apart: -3.5 points [-7.7 to +0.8 points], n = 200, p = 0.096."
    )


def test_a_comparison_fits_80_columns_and_names_what_flipped() -> None:
    shown = on_terminal(changes_terminal.render, change(), {"e0": "Where is my card?"})
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "Where is my card?" in shown
    assert "solved → wrong" in shown
    assert "topic: fraud" in shown


def test_facts_say_what_is_not_known() -> None:
    """That no example was asked twice, that no price is known: silence would read as nothing to see."""
    told = " ".join(facts(change()))
    assert "nothing was asked twice" in told
    assert "What a case costs is not known on both sides." in told


def test_a_gate_shows_each_check_and_the_next_step() -> None:
    shown = on_terminal(changes_terminal.render_gate, gate()[0], {})
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "✗ new does not meet accuracy >= 0.9" in shown
    assert "gate failed: new" in shown


@pytest.mark.parametrize("draw", [changes_markdown.render, changes_terminal.render])
def test_hostile_texts_are_made_harmless(draw: object) -> None:
    """A candidate's name and an input can hold anything."""
    if draw is changes_markdown.render:
        shown = changes_markdown.render(change(HOSTILE), {"e0": HOSTILE})
        assert "<b>" not in shown
        assert "[x](http" not in shown
        assert "\\@team" in shown
    else:
        shown = on_terminal(draw, change(HOSTILE), {"e0": HOSTILE})
    assert "\x1b" not in shown
    assert "\x00" not in shown
    shown.encode("utf-8")


def test_markdown_holds_the_verdict_the_checks_and_the_flips() -> None:
    shown = changes_markdown.render_gate(gate()[0], {"e150": "Where is my card?"})
    assert shown.startswith("## 🔴 gate failed: new")
    assert "Where is my card?" in shown
    assert "<details><summary>Lost: 10</summary>" in shown


def test_junit_tells_failures_from_errors_from_skipped() -> None:
    """Not solved is a failure, failed an error, unscored skipped; the counts of each suite say the same."""
    judged, new = gate()
    root = ElementTree.fromstring(junit.render(judged, new, {}))
    checks, examples = root.findall("testsuite")
    assert [[problem.tag for problem in case] for case in checks] == [["failure"], ["failure"]]
    assert (examples.get("tests"), examples.get("failures")) == ("200", "47")
    assert (examples.get("errors"), examples.get("skipped")) == ("1", "2")
    lost = next(case for case in examples if case.get("name") == "e150")
    assert lost[0].get("message") == "not solved, and the baseline solved it"


def test_junit_is_valid_whatever_the_model_said() -> None:
    judged, new = gate(label=HOSTILE)
    root = ElementTree.fromstring(junit.render(judged, new, {"e150": HOSTILE, "e151": {"a": [HOSTILE]}}))
    said = next(case for case in root.iter("testcase") if case.get("name") == "e150")[0].text
    assert said is not None
    assert said.startswith("red ]]> <b>&amp;")
