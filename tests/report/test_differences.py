"""The differences to the leader: as the decision has them, drawn, grouped, and what would settle them."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from merits.core.evaluation import Counted
from merits.core.needs import Needs
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.corpus import paired_measure
from merits.deciding.decide import decide
from merits.report import page
from merits.report.drawings.differences import difference_chart
from merits.report.sections.differences import difference_section
from merits.report.sections.measures import measure_section
from merits.report.sections.subject import Subject
from merits.testing.evaluations import tiny
from tests.deciding.evaluations import evaluation_of, first


def section_of(evaluation, needs: Needs | None = None):
    return difference_section(Subject(evaluation, decide(evaluation, needs or Needs())))


@pytest.fixture
def three():
    """Two that cannot be told apart, and one that is far behind."""
    generator = np.random.default_rng(0)
    return evaluation_of({"a": generator.random(200) < 0.95, "b": generator.random(200) < 0.9, "c": first(60, 200)})


def test_differences_are_the_decisions_seen_from_the_candidate(three) -> None:
    """`behind` in the table of candidates and the difference drawn are one figure."""
    section, decision = section_of(three), decide(three, Needs())
    assert section is not None
    for row in section.rows[1:]:
        behind = decision.standing(row.name).behind
        assert behind is not None
        assert row.estimate is not None
        assert row.estimate.value == pytest.approx(-(behind.value or 0))
        assert (row.estimate.low, row.estimate.high) == pytest.approx((-(behind.high or 0), -(behind.low or 0)))
        assert row.p_value == decision.standing(row.name).p_value


def test_tied_candidates_share_a_letter_and_others_do_not(three) -> None:
    """A compact letter display."""
    section = section_of(three)
    assert section is not None
    assert {row.name: row.groups for row in section.rows} == {"a": "a", "b": "a", "c": "b"}
    assert section.groups == (("a", "b"), ("c",))


def test_what_would_tell_rivals_apart_is_said(three) -> None:
    """Seen, detectable, and how many more examples; nothing where they are told apart already."""
    section = section_of(three)
    assert section is not None
    settle = {row.name: row.settle for row in section.rows}
    assert re.fullmatch(r"about [\d,]+ more examples", settle["b"])
    assert settle["c"] == ""
    assert re.fullmatch(r"\d+\.\d points", section.rows[1].detectable)


def test_a_difference_that_is_detectable_is_found_four_times_of_five() -> None:
    """Known truth: two that disagree on a tenth of 500 examples, by as much as is said to be detectable."""
    generator = np.random.default_rng(1)

    def drawn(difference: float):
        only = generator.choice(3, size=500, p=[(0.1 + difference) / 2, (0.1 - difference) / 2, 0.9])
        both = (only == 2) & (generator.random(500) < 0.7)
        return evaluation_of({"a": (only == 0) | both, "b": (only == 1) | both})

    planned = section_of(drawn(0.0))
    assert planned is not None
    difference = float(planned.rows[1].detectable.split()[0]) / 100
    hits = [decide(drawn(difference)).standing("b").relation == "worse" for _ in range(150)]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.12)


def test_one_candidate_has_no_differences() -> None:
    """Nothing to compare with."""
    assert section_of(evaluation_of({"a": first(5, 10)})) is None


def test_the_page_has_the_drawing_the_groups_and_the_measures(report) -> None:
    """With what a reader needs to read them."""
    html = page.render(report)
    assert 'id="differences"' in html
    assert "Candidates that share a letter cannot be told apart." in html
    assert "By a paired jackknife" in html
    chart = difference_chart(report.differences)
    assert chart is not None
    assert "simultaneous" in chart.description


def test_counted_measures_stand_with_their_intervals() -> None:
    """A word error rate: lower is better, and each difference is on the same rows."""
    generator = np.random.default_rng(0)
    wrong = generator.binomial(10, [[0.05], [0.2]], size=(2, 100))
    evaluation = replace(
        evaluation_of({"a": wrong[0] == 0, "b": wrong[1] == 0}),
        counts={"wer": Counted("error_rate", np.stack([wrong, np.full(wrong.shape, 10)], axis=-1).astype(float))},
    )
    section = section_of(evaluation)
    assert section is not None
    (table,) = section.corpus
    assert (table.name, table.higher_is_better) == ("wer", False)
    a, b = table.rows
    assert a.estimate is not None
    assert a.estimate.value == pytest.approx(wrong[0].sum() / 1000)
    assert b.difference is not None
    assert b.difference.low is not None
    assert b.difference.low > 0.1
    assert (b.p_value or 1) < 1e-4


def test_a_measure_that_nobody_can_have_is_no_record_and_counts_for_no_correction() -> None:
    """The width of an interval that was never given: it is not compared, and no other p-value suffers from it."""
    generator = np.random.default_rng(0)
    width = generator.uniform(1, 2, (3, 60)) * [[1.0], [1.1], [0.0]]
    counts = np.stack([width, (width > 0) * 1.0], axis=-1)
    evaluation = replace(
        evaluation_of({"a": first(40, 60), "b": first(30, 60), "points": first(20, 60)}),
        counts={"width": Counted("width", counts)},
    )
    section = section_of(evaluation)
    assert section is not None
    rows = {row.name: row for row in section.corpus[0].rows}
    assert rows["points"].difference is None
    assert rows["points"].p_value is None
    alone = paired_measure(Cases(evaluation, POLICIES[0]), "width", 1, 0)
    assert alone is not None
    assert rows["b"].p_value == pytest.approx(alone.p_value)


def test_a_counted_measure_of_one_candidate_is_among_the_measures() -> None:
    """There is nobody to compare it with, and no classes."""
    counts = np.stack([np.arange(60) % 2, np.full(60, 10)], axis=-1)[None] * 1.0
    evaluation = replace(evaluation_of({"a": first(30, 60)}), counts={"wer": Counted("error_rate", counts)})
    section = measure_section(Subject(evaluation, decide(evaluation, Needs())))
    assert section is not None
    (estimate,) = section.rows[0].estimates
    assert section.names == ("wer",)
    assert estimate is not None
    assert (estimate.value, estimate.n) == (0.05, 60)


def test_the_view_is_plain_data() -> None:
    """It is JSON that programs read."""
    section = section_of(tiny())
    assert b'"groups"' in msgspec.json.encode(section)
