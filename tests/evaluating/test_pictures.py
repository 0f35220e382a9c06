"""Pictures from words, from asking to the measures: drawn once, kept, scored, judged by a model that is shown them."""

from __future__ import annotations

import asyncio
import base64
from contextlib import closing
from pathlib import Path

import pytest

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.corpus import counted_measure, paired_measure
from merits.evaluating import evaluate
from merits.store import open_store
from merits.tasks.file import load_task
from merits.testing.provider import FakeProvider
from tests.candidates.drawn import draw, examples_in

pytest.importorskip("PIL")
TASK = """
name: shapes
kind: text-to-image
data: data/shapes.csv
input: caption
target: picture
slices: [shape]
split: {method: given, column: split}
scorers: [%s]
"""


def write_task(folder: Path, scorers: str) -> Path:
    """Eighteen shapes; those of the middle size are for testing."""
    rows = ["caption,picture,shape,split"]
    for example in examples_in(folder / "data"):
        split = "test" if "-8." in example.id else "dev"
        rows.append(f"{example.input},{example.target},{example.tags['shape']},{split}")
    (folder / "data" / "shapes.csv").write_text("\n".join(rows), "utf-8")
    (folder / "merits.yaml").write_text(TASK % scorers, "utf-8")
    return folder / "merits.yaml"


def run(folder: Path, candidates: list[Candidate]) -> Evaluation:
    with closing(open_store(folder / "store.sqlite")) as store:
        return asyncio.run(evaluate(load_task(folder / "merits.yaml"), candidates, store=store, env={}))


def test_a_drawn_picture_is_paid_once_and_measured_beside_the_wanted_ones(tmp_path: Path) -> None:
    """A retrieved picture of the same shape is nearer than the endpoint's grey square, with and without an interval."""
    write_task(tmp_path, "{kind: caption_class, slice: shape}, picture_similarity, fid, kid, diversity")
    with FakeProvider() as provider:
        params = {"model": "painter", "base_url": provider.base_url}
        candidates = [
            Candidate(name="retrieved", kind="nearest-caption"),
            Candidate(name="endpoint", kind="image", params=params),
        ]
        first = run(tmp_path, candidates)
        assert len(provider.requests) == 6
        again = run(tmp_path, candidates)
        assert len(provider.requests) == 6
    assert (first.status == Status.SCORED).all()
    assert first.solved[0].all()
    assert set(again.counts) == {"fid", "kid", "diversity"}
    cases = Cases(again, POLICIES[0])
    for name in ("fid", "kid"):
        near, far = (counted_measure(cases, name, k, 0.95) for k in (0, 1))
        assert near is not None
        assert far is not None
        assert near.value is not None
        assert far.value is not None
        assert near.value < far.value
        assert near.low is not None
        assert near.high is not None
        assert near.low <= near.value <= near.high
        paired = paired_measure(cases, name, 0, 1)
        assert paired is not None
        assert paired.difference(0.95).value == pytest.approx(near.value - far.value)
    diversity = counted_measure(cases, "diversity", 1, 0.95)
    assert diversity is not None
    assert diversity.value is not None
    assert diversity.value > 0


def test_a_question_that_failed_counts_as_a_blank_page(tmp_path: Path) -> None:
    """Whose features are the origin: so it is the wanted pictures' own sums that say how far away it is."""
    write_task(tmp_path, "fid")
    (tmp_path / "broken.py").write_text("def draw(input):\n    raise RuntimeError('no paint')\n", "utf-8")
    draw(tmp_path / "data" / "blank.png", "white", "square")
    candidates = [
        Candidate(name="retrieved", kind="nearest-caption"),
        Candidate(name="failing", kind="python", params={"function": "broken:draw"}),
        Candidate(name="blank", kind="constant", params={"output": "blank.png"}),
    ]
    found = run(tmp_path, candidates)
    assert (found.status[1] == Status.FAILED).all()
    cases = Cases(found, POLICIES[0])
    failing, blank = (counted_measure(cases, "fid", k, 0.95) for k in (1, 2))
    assert failing is not None
    assert blank is not None
    assert failing.value == pytest.approx(blank.value)


def test_a_judge_is_shown_what_was_drawn(tmp_path: Path) -> None:
    """Over the wire as a part of the message, beside the picture that was wanted; its verdict decides."""
    with FakeProvider(reply=lambda messages: '{"reason": "it is red", "verdict": "yes"}') as provider:
        judge = f"{{kind: judge, model: {{kind: chat, model: m, base_url: '{provider.base_url}'}}}}"
        write_task(tmp_path, judge)
        found = run(tmp_path, [Candidate(name="retrieved", kind="nearest-caption")])
        asked = [request.body["messages"][-1]["content"] for request in provider.requests]
    assert found.solved.all()
    assert len(asked) == 6
    kept = {file.read_bytes() for file in (tmp_path / "drawn").iterdir()}
    for text, wanted, drawn in asked:
        assert "(picture 2)" in text["text"]
        urls = [part["image_url"]["url"].removeprefix("data:image/png;base64,") for part in (wanted, drawn)]
        assert base64.b64decode(urls[1]) in kept
        assert urls[0] != urls[1]


def test_a_target_whose_picture_changed_is_learned_anew(tmp_path: Path) -> None:
    """The file is called as before, so its content has to be in what a trained model is known by."""
    write_task(tmp_path, "picture_similarity")
    candidates = [Candidate(name="retrieved", kind="nearest-caption")]
    before = run(tmp_path, candidates)
    assert run(tmp_path, candidates).versions == before.versions
    draw(tmp_path / "data" / "red-square-6.png", "pink", "square", at=6)
    assert run(tmp_path, candidates).versions != before.versions
