"""Charts place and name things right."""

from __future__ import annotations

import re

from merits.core.candidate import Candidate
from merits.core.decision import Standing
from merits.core.estimate import Estimate
from merits.report.drawings.curves import precision_recall_chart, reliability_chart, roc_chart
from merits.report.drawings.differences import difference_chart
from merits.report.drawings.frontier import frontier_chart
from merits.report.drawings.quality import quality_chart
from merits.report.sections.candidates import CandidateRow, Requirements, Units
from merits.report.sections.curves import CurveLine, CurveSection
from merits.report.sections.differences import Difference, DifferenceSection
from merits.report.sections.frontier import frontier_section


def estimate(value, low, high, unit="rate"):
    return Estimate(value=value, low=low, high=high, level=0.95, n=100, unit=unit, method="m", currency="USD")


def row(name, quality, cost, named=False):
    standing = Standing(
        candidate=name,
        candidate_id=Candidate(name=name, kind="k").id,
        relation="leader",
        quality=estimate(quality, quality - 0.05, min(1, quality + 0.05)),
        quality_answered=None,
        cost_per_1000=None if cost is None else estimate(cost, cost, cost, "money"),
    )
    return CandidateRow(
        name=name, kind="k", named=named, standing=standing, requirements=Requirements(0, 0, 0), notes={}
    )


def chart(*rows):
    return frontier_chart(frontier_section(rows, "USD", Units()))


def x_of_dots(svg):
    dots = r'<path transform="translate\(([\d.]+),[\d.]+\)" d="M[-\d.]+,[-\d.]+[AL]'
    return [float(x) for x in re.findall(dots, svg)]


def test_costs_over_decades_are_drawn_on_a_logarithmic_axis():
    """Otherwise all but the dearest stand on one spot."""
    xs = x_of_dots(chart(row("a", 0.7, 0.01), row("b", 0.8, 0.1), row("c", 0.9, 1.0)).wide)
    assert len(xs) == 3
    assert abs((xs[1] - xs[0]) - (xs[2] - xs[1])) < 1


def test_a_free_candidate_stands_at_0_beside_dear_ones():
    """Free is known, unlike unpriced."""
    section = frontier_section([row("free", 0.7, 0.0), row("b", 0.8, 0.1), row("c", 0.9, 10.0)], "USD", Units())
    assert section.scale == "symlog"
    drawn = frontier_chart(section)
    xs = x_of_dots(drawn.wide)
    assert xs == sorted(xs)
    assert ">0<" in drawn.wide


def test_all_free_is_drawn_without_trouble():
    """Local models without a price of the machine given as 0."""
    assert len(x_of_dots(chart(row("a", 0.7, 0.0), row("b", 0.8, 0.0)).wide)) == 2


def test_names_of_neighbours_do_not_cover_each_other():
    """Points close together get their names on different sides."""
    drawn = chart(*(row(f"candidate {i}", 0.80 + 0.004 * i, 1.0 + 0.01 * i) for i in range(4)))
    places = re.findall(
        r'<text text-anchor="(\w+)" transform="translate\(([-\d.]+),([-\d.]+)\)"[^>]*>candidate', drawn.wide
    )
    assert len(set(places)) == 4


def test_wide_and_narrow_drawings_have_the_same_candidates():
    """A phone shows no less."""
    drawn = quality_chart([row("first", 0.9, 1, named=True), row("second", 0.8, 1)], needs=_needs(0.85))
    for svg in (drawn.wide, drawn.narrow):
        assert ">first<" in svg
        assert ">second<" in svg
    assert int(re.search(r'viewBox="0 0 (\d+)', drawn.narrow)[1]) <= 348


def test_the_required_quality_is_a_dashed_line():
    """So that the reader sees who clears it."""
    assert 'stroke="var(--bad)"' in quality_chart([row("a", 0.9, 1)], _needs(0.85)).wide
    assert 'stroke="var(--bad)"' not in quality_chart([row("a", 0.9, 1)], _needs(None)).wide


def test_a_candidate_has_one_colour_and_dash_in_all_curves():
    """One that gives only its confidence has a line in the last chart alone, and shifts nobody's colour."""
    sure, full, other = (CurveLine(name, (0.0, 0.5, 1.0), (0.1, 0.6, 1.0)) for name in ("sure", "full", "other"))
    section = CurveSection(
        roc=(full, other),
        precision_recall=(other,),
        reliability=(sure, full, other),
        of="",
        without=(),
        n_left_out=0,
    )
    drawn = [lines_of(chart(section).wide) for chart in (roc_chart, precision_recall_chart, reliability_chart)]
    assert [set(found) for found in drawn] == [{"full", "other"}, {"other"}, {"sure", "full", "other"}]
    for found in drawn:
        assert found.items() <= drawn[-1].items()
    assert len(set(drawn[-1].values())) == 3


def lines_of(svg):
    """The colour and dash of each name in the legend."""
    entries = re.findall(
        r'd="M-5,0L5,0"[^>]*? stroke="([^"]*)"[^>]*?(?:stroke-dasharray="([^"]*)")[^>]*>.*?<text[^>]*>(\w+)<', svg
    )
    return {name: (colour, dash) for colour, dash, name in entries}


def _needs(bar):
    from merits.core.needs import Needs, Requirement

    return Needs(requirements=() if bar is None else (Requirement("accuracy", ">=", bar),))


def test_a_narrow_drawings_title_is_not_cut_off():
    """What is longer than the drawing is wide stands on two lines."""
    of = {"p_value": None, "groups": "", "detectable": "", "settle": ""}
    rows = (Difference(name="the other", relation="tied", estimate=estimate(0.01, -0.02, 0.03, "money"), **of),)
    section = DifferenceSection(
        leader="whisper base",
        objective="net value",
        margin=0.01,
        n_pairs=1,
        level=0.95,
        rows=rows,
        groups=None,
        n_left_out=0,
        corpus=(),
    )
    drawn = difference_chart(section)
    assert re.findall(r">([^<>]*(?:behind|ahead)[^<>]*)<", drawn.wide) == [
        "money a case behind (−) or ahead of whisper base"
    ]
    lines = re.findall(r">([^<>]*(?:behind|ahead)[^<>]*)<", drawn.narrow)
    assert lines == ["money a case behind (−) or", "ahead of whisper base"]
