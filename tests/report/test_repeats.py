"""What asking again shows: shares of variance, flaky examples, and what to spend the next calls on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from msgspec.structs import replace as structs_replace

from merits.core.judge import Judged
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.deciding.decide import decide
from merits.report import page
from merits.report.sections.repeats import repeat_section
from merits.report.sections.subject import Subject
from merits.report.views import view
from tests.deciding.evaluations import evaluation_of


def repeated(n: int = 100, repeats: int = 3, **more):
    """A steady candidate that always says the same of an example, and one that throws a coin each time."""
    generator = np.random.default_rng(0)
    steady = np.repeat(generator.random(n) < 0.7, repeats)
    coin = generator.random(n * repeats) < 0.5
    evaluation = evaluation_of({"steady": steady, "coin": coin}, group=np.repeat(np.arange(n), repeats), **more)
    return replace(
        evaluation,
        examples=np.repeat(evaluation.examples[:n], repeats),
        repeats=np.tile(np.arange(repeats, dtype=np.int32), n),
    )


def section_of(evaluation):
    return repeat_section(Subject(evaluation, decide(evaluation, Needs())))


def test_a_coin_varies_between_runs_and_the_steady_one_between_examples() -> None:
    """Each with its interval, which leaves the truth in."""
    section = section_of(repeated())
    assert section is not None
    rows = {row.name: row for row in section.rows}
    steady, coin = rows["steady"], rows["coin"]
    assert steady.example is not None
    assert coin.run is not None
    assert steady.example.value == 1.0
    assert 0.8 < (steady.example.low or 0) < 1.0
    assert (coin.run.low or 0) > 0.6
    assert (steady.flaky.value, round(coin.flaky.value or 0, 1)) == (0.0, 0.8)
    assert "more examples, not more repeats" in section.advice


def test_what_is_missing_or_failed_leaves_the_rest() -> None:
    """Unequal numbers of runs; a failed one counts as not solved."""
    status = np.full(300, Status.SCORED)
    status[::7], status[1::11] = Status.FAILED, Status.UNSCORED
    section = section_of(repeated(status={"coin": status}))
    assert section is not None
    assert all(row.run is not None for row in section.rows)


def test_few_examples_have_flaky_ones_and_no_shares() -> None:
    """Of 12 examples no components are told."""
    section = section_of(repeated(12))
    assert section is not None
    assert all(row.example is None and row.flaky.n == 12 for row in section.rows)
    assert section.advice == ""


def test_asked_once_is_no_section() -> None:
    """Nothing was repeated."""
    assert section_of(repeated(50, 1)) is None


def test_the_page_says_it() -> None:
    """In a section of its own."""
    evaluation = repeated()
    shown = view(evaluation, decide(evaluation), examples=(), answers=lambda version, keys: {})
    assert 'id="repeats"' in page.render(shown)
    assert "No scorer judged an answer twice" in page.render(shown)


def test_a_judge_that_voted_more_than_once_says_how_often_it_varies() -> None:
    """Votes on one answer differ by the judge alone: the share of such verdicts, with its interval."""
    judged = Judged(
        scorer="judge", model="j", version="v", deciding=True, n_verdicts=300, n_calls=900, n_asked=900, n_unscored=0
    )
    section = section_of(replace(repeated(), judged=(structs_replace(judged, n_voted=300, n_split_votes=30),)))
    assert section is not None
    assert "10.0 % [7.1–13.9 %]" in section.judge
