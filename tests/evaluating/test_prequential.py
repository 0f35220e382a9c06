"""Testing along a stream: the very numbers of River, intervals, and what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import merits
from merits.cli import main
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError, UsageError
from merits.core.prequential import Prequential
from merits.evaluating.prequential import order_of
from merits.report import prequential as report

pytest.importorskip("river")
from river import evaluate, forest, metrics, naive_bayes, stream, tree
from river.datasets import ImageSegments, Phishing, synth

N_DEV, N = 200, 1200
SEA = synth.ConceptDriftStream(
    stream=synth.SEA(seed=42, variant=0),
    drift_stream=synth.SEA(seed=42, variant=3),
    seed=1,
    position=700,
    width=20,
)
STREAMS = {"sea": SEA, "agrawal": synth.Agrawal(seed=3), "phishing": Phishing(), "segments": ImageSegments()}


def rows_of(name: str) -> list[tuple[dict[str, Any], str]]:
    return [({str(k): v for k, v in x.items()}, str(y)) for x, y in STREAMS[name].take(N)]


def task_of(rows: list[tuple[Any, str]], *candidates: Candidate) -> merits.Task:
    data = [
        {"input": x, "target": y, "split": "dev" if i < N_DEV else "test", "id": str(i)}
        for i, (x, y) in enumerate(rows)
    ]
    return merits.make_task(data, name="stream", candidates=candidates)


TREE = Candidate(name="tree", kind="online", params={"model": "adaptive-tree"})
FOREST = Candidate(name="forest", kind="online", params={"model": "adaptive-forest", "trees": 3})


def rivers_tree() -> Any:
    return tree.HoeffdingAdaptiveTreeClassifier(grace_period=50, seed=0)


def rivers_forest() -> Any:
    return forest.ARFClassifier(n_models=3, grace_period=50, seed=0)


@pytest.mark.parametrize("delay", [None, 150])
@pytest.mark.parametrize(
    ("name", "candidate", "theirs"),
    [
        ("sea", TREE, rivers_tree),
        ("agrawal", TREE, rivers_tree),
        ("phishing", FOREST, rivers_forest),
        ("segments", TREE, rivers_tree),
    ],
)
def test_is_exactly_what_river_says(name: str, candidate: Candidate, theirs: Any, delay: int | None) -> None:
    """The same model, stream and delay: `evaluate.progressive_val_score` must give the same number."""
    rows = rows_of(name)
    model, metric = theirs(), metrics.Accuracy()
    for x, y in rows[:N_DEV]:
        model.learn_one(x, y)
    evaluate.progressive_val_score(rows[N_DEV:], model, metric, delay=delay)
    found = merits.prequential(task_of(rows, candidate), delay=delay or 0, store=":memory:")
    quality = found.lane(candidate.name, learns=True).quality
    assert quality is not None
    assert quality.value == metric.get()
    assert quality.n == len(rows) - N_DEV


def test_words_are_learned_as_river_learns_them() -> None:
    """Of texts too: naive Bayes on counts of words."""
    rows = [(f"{word} {i % 7} {other}", label) for i in range(150) for word, other, label in _WORDS]
    candidate = Candidate(name="bayes", kind="online", params={"model": "naive-bayes", "words": 1, "smoothing": 1.0})
    model, metric = naive_bayes.MultinomialNB(1.0), metrics.Accuracy()
    pairs = [({token: float(text.split().count(token)) for token in text.split()}, label) for text, label in rows]
    for x, y in pairs[:N_DEV]:
        model.learn_one(x, y)
    evaluate.progressive_val_score(pairs[N_DEV:], model, metric)
    found = merits.prequential(task_of(rows, candidate), store=":memory:")
    quality = found.lane("bayes", learns=True).quality
    assert quality is not None
    assert quality.value == metric.get()


_WORDS = (("good", "day", "a"), ("bad", "day", "b"), ("good", "night", "b"), ("fine", "x", "a"))


@pytest.mark.parametrize("delay", [0, 1, 2, 5, 50])
def test_the_order_is_that_of_river(delay: int) -> None:
    """Up to the last question; what is learned after it nobody sees."""
    theirs = [(i, y is not None) for i, _, y in stream.simulate_qa([({}, 1)] * 20, None, delay)]
    last = theirs.index((19, False))
    assert list(order_of(20, delay)) == theirs[: last + 1]


@pytest.fixture(scope="module")
def found() -> Prequential:
    line = Candidate(name="line", kind="online", params={"steps": "constant"})
    candidates = (line, Candidate(name="majority", kind="most-common"))
    return merits.prequential(task_of(rows_of("sea"), *candidates), store=":memory:", window=100)


def test_what_learns_on_beats_its_frozen_copy_after_a_drift(found: Prequential) -> None:
    """Before it both are alike; the gain is certain at the end and its interval holds at every look."""
    lane = found.lane("line", learns=True)
    frozen = found.lane("line", learns=False)
    assert lane.gain is not None
    assert lane.gain.low is not None
    assert lane.gain.low > 0
    assert lane.quality is not None
    assert frozen.quality is not None
    assert lane.gain.value == pytest.approx((lane.quality.value or 0) - (frozen.quality.value or 0))
    assert "time-uniform" in lane.gain.method
    assert [window.last for window in lane.windows] == list(range(100, 1001, 100))
    assert lane.n_lessons == N - N_DEV - 1
    assert lane.state_bytes > 0


def test_who_cannot_learn_stands_beside_as_it_is(found: Prequential) -> None:
    """One lane, frozen, without a gain."""
    lanes = [lane for lane in found.lanes if lane.name == "majority"]
    assert [(lane.learns, lane.gain) for lane in lanes] == [(False, None)]


def test_the_terminal_and_the_page_say_the_same(found: Prequential) -> None:
    """Every lane with its quality, and what the intervals are not."""
    text, page = "\n".join(report.lines(found)), report.page(found)
    for lane in found.lanes:
        assert lane.quality is not None
        assert report.title(lane) in text
        assert lane.quality.text() in text
        assert lane.quality.text() in page
    assert "another stream may differ" in text
    assert "<svg" in page
    assert "<script" not in page


def test_nobody_who_learns_is_said_before_anything_is_asked() -> None:
    task = task_of(rows_of("sea"), Candidate(name="majority", kind="most-common"))
    with pytest.raises(CandidateError, match="can go on learning"):
        merits.prequential(task, store=":memory:")


def test_a_delay_is_no_negative_number() -> None:
    with pytest.raises(UsageError, match="delay"):
        merits.prequential(task_of(rows_of("sea"), TREE), delay=-1, store=":memory:")


def test_the_command_says_it_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a user runs it: a file, JSON, a page, and a name that nobody has."""
    lines = [
        json.dumps({**x, "y": y, "split": "dev" if i < N_DEV else "test"})
        for i, (x, y) in enumerate(rows_of("sea")[:400])
    ]
    (tmp_path / "d.jsonl").write_text("\n".join(lines))
    task = tmp_path / "t.yaml"
    task.write_text(
        "name: sea\nkind: classification\ndata: d.jsonl\ntarget: y\ninput: ['0', '1', '2']\n"
        "candidates:\n  - {name: tree, kind: online, model: adaptive-tree}\n  - most-common\n"
    )
    page = tmp_path / "out" / "p.html"
    assert main(["prequential", str(task), "--delay", "20", "--json", "--report", str(page)]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["schema"] == "merits.prequential/1"
    assert body["delay"] == 20
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert main(["prequential", str(task), "--candidate", "tree", "--quiet"]) == 0
    assert "learning on is worth" in capsys.readouterr().out
    assert main(["prequential", str(task), "--candidate", "tre"]) == 2
    assert "Did you mean 'tree'" in capsys.readouterr().err


def test_recommenders_are_told_what_was_chosen(tmp_path: Path) -> None:
    """New items that everybody turns to after the cut are recommended by who learns on, and never by who does not."""
    lines = ["user,item,time"]
    for user in range(120):
        shelf = "new" if user >= 60 else "old"
        lines += [f"u{user},{shelf}{(user + step) % 6},{1_000_000 + 10_000 * user + step}" for step in range(5)]
    (tmp_path / "e.csv").write_text("\n".join(lines))
    (tmp_path / "t.yaml").write_text("name: shelf\nkind: recommendation\ndata: e.csv\ncandidates:\n  - popularity\n")
    task = merits.load_task(tmp_path / "t.yaml")
    found = merits.prequential(task, {"popularity": task.candidates[0]}, store=":memory:")
    on, frozen = (found.lane("popularity", learns=learns).quality for learns in (True, False))
    assert on is not None
    assert frozen is not None
    assert on.value is not None
    assert on.value >= (frozen.value or 0.0)
    assert found.lane("popularity", learns=True).n_lessons == found.n - 1
