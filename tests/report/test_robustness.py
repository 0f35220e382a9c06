"""Robustness in the report: a line a candidate at each strength, drops that are paired, and what was asked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from merits.core.needs import Needs
from merits.deciding.decide import decide
from merits.flow import run
from merits.report import page
from merits.report.cases.blocks import Figure, Item, Items
from merits.report.sections.examples import Reply
from merits.report.sections.robustness import RobustnessSection, shorter
from merits.report.views import ReportView, view
from merits.stats.noninferiority import difference_bounds
from merits.tasks.file import load_task
from merits.tasks.make import make_task
from tests.deciding.test_drops import counting

WORDS = [{"text": f"number {i} is a {w} number", "label": w} for i in range(30) for w in ("good", "bad")]


def reported(tmp_path: Path, **more: Any) -> ReportView:
    """A run of two functions, one of which reads the word and the other the length."""

    def reads(text: str) -> str:
        return "good" if "good" in text else "bad"

    def blind(text: str) -> str:
        return "bad"

    task = make_task(
        WORDS,
        name="words",
        candidates={"reads": reads, "blind": blind},
        robustness={"typos": [0.05, 0.2], **more},
    )
    return run(task, store=tmp_path / "store.sqlite").view


def test_each_perturbation_has_a_line_a_candidate(tmp_path: Path) -> None:
    found = reported(tmp_path).robustness
    assert found is not None
    (curve,) = found.curves
    assert (curve.name, curve.scale, curve.levels) == ("typos", "share of the letters", ("typos 0.05", "typos 0.2"))
    assert (curve.strengths, curve.n) == ((0.05, 0.2), 30)
    assert {line.name for line in curve.lines} == {"reads", "blind"}
    assert (found.measure, found.higher_is_better) == ("cases solved", True)
    for clean, line in zip(curve.clean, curve.lines, strict=True):
        for quality, drop in zip(line.quality, line.drops, strict=True):
            assert clean is not None
            assert quality is not None
            assert drop is not None
            assert drop.value == pytest.approx((clean.value or 0.0) - (quality.value or 0.0))
            assert (drop.level, drop.n, drop.unit) == (0.95, 30, "points")


def test_the_interval_of_a_drop_is_the_paired_one(tmp_path: Path) -> None:
    """Two-sided at the level of the report: each end at half of what is left."""
    task_view = reported(tmp_path)
    assert task_view.robustness is not None
    line = next(one for one in task_view.robustness.curves[0].lines if one.name == "reads")
    drop = line.drops[1]
    assert drop is not None
    assert drop.value is not None
    wins = round(30 * drop.value)
    by_hand = difference_bounds(np.ones(30), np.arange(30) >= wins, None, 0.975)
    assert (drop.low, drop.high) == (pytest.approx(by_hand.low), pytest.approx(by_hand.high))


def test_what_was_asked_is_shown_word_by_word_with_what_was_said(tmp_path: Path) -> None:
    found = reported(tmp_path).robustness
    assert found is not None
    assert len(found.cases) == 3
    first = found.cases[0]
    assert first.level == "typos 0.2"
    (block,) = first.asked
    assert {word.op for word in block.words} >= {"substitute"}  # type: ignore[union-attr]
    before = {one.candidate: one for one in first.replies}["reads"]
    assert (before.as_it_is.mark, before.perturbed.mark) == ("solved", "not solved"), "first those that turned"
    assert before.as_it_is.said != before.perturbed.said


def test_the_page_draws_it_and_says_it_in_words(tmp_path: Path) -> None:
    html = page.render(reported(tmp_path))
    assert '<section id="robustness">' in html
    assert '<a href="#robustness">' in html
    section = html[html.index('<section id="robustness">') :]
    section = section[: section.index("</section>")]
    assert "Cases solved under typos (as it is, 0.05, 0.2)" in section
    assert section.count("<svg") == 2
    assert "<ins" in section
    assert len(re.findall("<article", section)) == 3


def test_of_a_sample_the_clean_figure_is_of_the_same_examples(tmp_path: Path) -> None:
    found = reported(tmp_path, sample=8).robustness
    assert found is not None
    assert found.curves[0].n == 8
    assert all(clean is not None and clean.n == 8 for clean in found.curves[0].clean)


def test_nothing_of_it_where_nothing_was_perturbed(tmp_path: Path) -> None:
    task = make_task(WORDS, name="words", candidates={"blind": lambda text: "bad"})
    found = run(task, store=tmp_path / "store.sqlite").view
    assert found.robustness is None
    assert "Robustness" in {one.section for one in found.left_out}
    assert 'id="robustness"' not in page.render(found)


def section_of(evaluation: Any) -> RobustnessSection:
    decision = decide(evaluation, Needs())
    found = view(evaluation, decision, examples=(), answers=lambda version, keys: {}).robustness
    assert found is not None
    return found


def test_of_an_error_rate_the_curve_is_of_all_words_and_less_is_better() -> None:
    words = np.full(100, 10)
    found = section_of(counting([np.full(100, 1), np.full(100, 3)], words, "word_error_rate"))
    assert (found.measure, found.higher_is_better) == ("word error rate", False)
    (line,) = found.curves[0].lines
    assert line.quality[0] is not None
    assert line.drops[0] is not None
    assert (line.quality[0].value, line.drops[0].value) == (pytest.approx(0.3), pytest.approx(0.2))


def test_pictures_stand_beside_what_was_asked(tmp_path: Path) -> None:
    Images = pytest.importorskip("PIL.Image", reason="pictures need Pillow")
    generator = np.random.default_rng(0)
    lines = ["picture,label"]
    for i in range(8):
        Images.fromarray(generator.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{'dark' if i % 2 else 'light'}")
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n", "utf-8")
    task = make_task(
        str(tmp_path / "data.csv"),
        name="pictures",
        kind="classification",
        input="picture",
        target="label",
        candidates={"blind": lambda name: "dark"},
        robustness={"blur": [1]},
        split={"test": 0.5},
    )
    found = run(task, store=tmp_path / "deep" / "store.sqlite").view
    assert found.robustness is not None
    assert len(list((tmp_path / "deep" / "perturbed").glob("*.png"))) >= 4
    case = found.robustness.cases[0]
    assert [type(block).__name__ for block in (*case.as_it_is, *case.asked)] == ["Figure", "Figure"]
    assert isinstance(case.asked[0], Figure)
    assert case.level == case.asked[0].name, "its own name is a hash, under a path of this machine"
    sources = [block.src for block in (*case.as_it_is, *case.asked)]  # type: ignore[union-attr]
    assert all(src.startswith("data:image/") for src in sources)
    assert sources[0] != sources[1]
    html = page.render(found)
    assert "img-src data:" in html


def test_the_section_is_in_the_json(tmp_path: Path) -> None:
    found = msgspec.json.decode(msgspec.json.encode(reported(tmp_path)))
    curve = found["robustness"]["curves"][0]
    assert curve["levels"] == ["typos 0.05", "typos 0.2"]
    assert set(curve["lines"][0]["drops"][0]) >= {"value", "low", "high", "level", "n"}


def test_columns_that_slipped_are_marked_in_their_places(tmp_path: Path) -> None:
    """And a list that was said is cut where it stands twice, before and after."""
    rows = [{"input": {"age": 20 + i, "sex": "fm"[i % 2]}, "target": str(i % 2)} for i in range(40)]
    task = make_task(
        rows,
        name="columns",
        candidates={"short": lambda columns: "0", "long": lambda columns: "1"},
        robustness={"missing_values": [0.9]},
    )
    section = run(task, store=tmp_path / "store.sqlite").view.robustness
    assert section is not None
    asked = section.cases[0].asked
    assert [block.label for block in asked] == ["age", "sex"]
    assert any(word.op == "delete" for block in asked for word in block.words)


def test_lists_that_stand_twice_are_shorter() -> None:
    said = Reply("knn", "solved", "", (Items(tuple(Item(str(i), False) for i in range(10)), n_more=3),))
    (block,) = shorter(said).shown
    assert (len(block.items), block.n_more) == (5, 8)


def test_a_history_that_lost_events_stands_as_a_list_beside_the_whole_one(tmp_path: Path) -> None:
    lines = ["user,item,time", *(f"u{user},film {(user + turn) % 9},{turn}" for turn in range(12) for user in range(9))]
    (tmp_path / "events.csv").write_text("\n".join(lines) + "\n", "utf-8")
    task_file = tmp_path / "merits.yaml"
    task_file.write_text(
        "name: films\nkind: recommendation\ndata: events.csv\nevents: {user: user, item: item, time: time}\n"
        "split: {method: time, test: 0.3}\nrobustness: {dropped_events: [0.5]}\ncandidates: [popularity]\n",
        "utf-8",
    )
    section = run(load_task(task_file), store=tmp_path / "store.sqlite").view.robustness
    assert section is not None
    case = section.cases[0]
    (whole,), (rest,) = ([b for b in blocks if isinstance(b, Items)] for blocks in (case.as_it_is, case.asked))
    assert len(rest.items) < len(whole.items)
    assert [type(block) for block in case.shown_target] == [Items]
    assert isinstance(case.replies[0].perturbed.shown[0], Items)
