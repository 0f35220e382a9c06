"""Money in the report: the section, its drawings, and what is left out where nothing is known."""

from __future__ import annotations

import dataclasses
import re

import msgspec
import numpy as np
import pytest

from merits.core.candidate import Price
from merits.core.estimate import Estimate
from merits.core.needs import Needs
from merits.deciding.decide import decide
from merits.deciding.payback import _words
from merits.report.drawings.break_even import break_even_chart
from merits.report.drawings.tornado import tornado_chart
from merits.report.page import render
from merits.report.views import ReportView, view
from tests.deciding.evaluations import evaluation_of

NEEDS = Needs(worth_of_solved=0.3, loss_of_wrong=0.1, volume_per_month=10_000.0, price_of_label=0.1)


def seen(needs: Needs, *, priced: bool = True, name: str = "strong") -> ReportView:
    """A strong dear candidate with a one-off cost, a weak cheap one on a machine."""
    n, generator = 300, np.random.default_rng(0)
    common = generator.random(n)
    whole = evaluation_of(
        {
            "weak": np.where(generator.random(n) < 0.5, common, generator.random(n)) < 0.65,
            name: np.where(generator.random(n) < 0.5, common, generator.random(n)) < 0.8,
        },
        cost={"weak": 0.01, name: 0.05 * generator.uniform(0.5, 1.5, n)} if priced else None,
        machine_s={"weak": 0.3},
    )
    prices = (Price(machine_per_hour=1.0), Price(per_call=0.05, one_off=500.0))
    recipes = tuple(msgspec.structs.replace(c, price=p) for c, p in zip(whole.candidates, prices, strict=True))
    whole = dataclasses.replace(whole, candidates=recipes)
    return view(whole, decide(whole, needs), examples=(), answers=lambda version, keys: {})


def test_amounts_that_are_tiny_are_said_of_so_many() -> None:
    """0.000000239 USD is nothing that anybody can read."""
    n, generator = 300, np.random.default_rng(0)
    solved = {"dear": generator.random(n) < 0.8, "cheap": generator.random(n) < 0.6}
    whole = evaluation_of(solved, cost={"dear": 3e-10 * generator.uniform(0.5, 1.5, n), "cheap": 1e-10})
    found = view(whole, decide(whole, Needs()), examples=(), answers=lambda version, keys: {})
    assert found.economics is not None
    point = next(b for b in found.economics.break_evens if b.input == "worth of a solved case")
    assert " for 1,000,000, " in point.text
    assert "0.000000" not in point.text
    (curve,) = found.economics.curves
    for drawing in (break_even_chart(curve, "USD").wide, break_even_chart(curve, "USD").narrow):
        assert "(USD for 1,000,000)" in drawing
        assert "0.00000" not in re.sub("<[^>]*>", " ", drawing)
    assert "for 1,000,000, n = 300" in render(found)


def test_what_is_back_within_a_day_is_said_so(page) -> None:
    """0.00002 months is a figure for nobody."""
    gain = Estimate(value=600.0, low=500.0, high=700.0, level=0.95, n=9, unit="money", method="t", currency="USD")
    months = msgspec.structs.replace(gain, value=2e-5, low=1e-5, high=3e-5, unit="months", currency="")
    assert _words(gain, months, 0.01, 0.01, 0.0).endswith("that this evaluation cost is back within a day.")


@pytest.fixture(scope="module")
def page() -> str:
    return render(seen(NEEDS))


def test_the_money_section_holds_every_part(page: str) -> None:
    """Each with its heading, and its table."""
    section = page[page.index('<section id="money">') : page.index('<section id="latency">')]
    for title in ("Break-even points", "What it is sensitive to", "Paying it back", "More examples"):
        assert title in section
    assert section.count("<figure") == 3  # two curves, one tornado
    assert "A machine of one’s own" in section


def test_every_money_figure_stands_with_its_interval(page: str) -> None:
    """Break-even amounts and swings are measured; what the user gave is not."""
    section = page[page.index('<section id="money">') : page.index('<section id="latency">')]
    tables = section[section.index("<table>") :]
    assert tables.count('class="range"') >= 10
    assert "nan" not in section.lower().replace("finance", "")


def test_the_curves_and_the_tornado_say_in_words_what_they_show() -> None:
    """For those who do not see them."""
    economics = seen(NEEDS).economics
    assert economics is not None
    curve = break_even_chart(economics.curves[0], "USD")
    assert "worth of a solved case" in curve.description
    assert economics.break_evens[0].text in curve.description
    drawn = tornado_chart(economics)
    assert drawn is not None
    assert "share solved by strong" in drawn.description


def test_the_crossing_is_drawn_on_the_level_line() -> None:
    """Where the difference is nothing: on the green line of the subject."""
    economics = seen(NEEDS).economics
    assert economics is not None
    svg = break_even_chart(economics.curves[0], "USD").wide
    level = re.search(r'<line transform="translate\([\d.]+,([\d.]+)\)"[^>]*stroke="var\(--good\)"', svg)
    dot = re.search(r'<path transform="translate\([\d.]+,([\d.]+)\)" d="M[-\d.]+,[-\d.]+A[^>]*fill="var\(--ink\)"', svg)
    assert level is not None
    assert dot is not None
    assert abs(float(level[1]) - float(dot[1])) < 1.0


def test_without_prices_there_is_no_money_section_and_it_is_said() -> None:
    """Unknown is not 0."""
    report = seen(Needs(), priced=False)
    assert report.economics is None
    assert "Money" in {part.section for part in report.left_out}
    assert '<section id="money">' not in render(report)


def test_without_a_worth_the_section_says_what_a_case_must_be_worth() -> None:
    """No tornado then: there is no net value."""
    text = render(seen(Needs(volume_per_month=1000.0)))
    assert "worth of a solved case" in text
    assert "What it is sensitive to" not in text


def test_names_that_are_hostile_stay_text() -> None:
    """In the drawings too."""
    text = render(seen(NEEDS, name="<script>alert(1)</script>\x1b[31m"))
    assert "<script>" not in text
    assert "\x1b" not in text
