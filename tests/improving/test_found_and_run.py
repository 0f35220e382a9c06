"""What a search finds on stored answers is what an evaluation of the recipe finds, with trained candidates too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

import merits
from merits.candidates.sentence_embeddings import DEFAULT_MODEL, model_files
from merits.concluding import save_page
from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.doors import AnswerKey, Brief
from merits.core.errors import CandidateError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.task import Example, ScorerSpec, Task
from merits.flow import run
from merits.improving.composing.policies import OneByOne, Policy
from merits.improving.composing.pool import pool_of
from merits.store.sqlite import open_store


def reviews(n: int = 160) -> Task:
    """Reviews of two moods in words that overlap, a third of them for the test."""
    draw = np.random.default_rng(0)
    examples = []
    for i in range(n):
        mood = int(draw.integers(2))
        words = [f"word{w}" for w in draw.integers(0, 12, 5) + 8 * mood * (draw.random(5) < 0.6)]
        split = "test" if i % 3 == 0 else "dev"
        examples.append(Example(f"e{i}", " ".join(words), ("bad", "good")[mood], split=split))  # type: ignore[arg-type]
    return Task(
        name="reviews",
        kind="classification",
        examples=tuple(examples),
        scorers=(ScorerSpec("label"),),
        classes=("bad", "good"),
    )


def brief_from(task: Task, evaluation: Evaluation, store: Path) -> Brief:
    """What an improver is told of a real evaluation."""

    def said(name: str) -> Sequence[Answer | None]:
        opened = open_store(store, write=False)
        given = opened.answers(evaluation.versions[evaluation.index(name)])
        opened.close()
        return [given.get(AnswerKey(each)) for each in evaluation.input_hashes]

    return Brief(task, evaluation, said)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_cascade_evaluated_on_dev_is_what_the_arrays_said(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Row by row, cost by cost: parts are cross-validated, and their stored answers are those that are replayed."""
    task, store = reviews(), tmp_path / "store.sqlite"
    candidates = [
        Candidate(name="short", kind="text-linear", params={"words": 1, "characters": 0}, price=Price(per_call=0.01)),
        Candidate(name="long", kind="text-linear", params={"strength": 1.0}, price=Price(per_call=0.1)),
    ]
    evaluation = merits.evaluate(task, candidates, split="dev", store=store)
    pool, rows = pool_of(brief_from(task, evaluation, store))
    policy: Policy = OneByOne(order, (float(np.median(pool.sure[order[0]])),))
    recipe = policy.recipe(pool, "cascade")
    found = merits.evaluate(task, [recipe], split="dev", store=store)
    routed = policy.apply(pool)
    assert 0.0 < (routed.cost > pool.cost[order[0]]).mean() < 1.0
    assert found.solved[0][rows].astype(float).tolist() == routed.value.tolist()
    assert found.cost[0][rows] == pytest.approx(routed.cost)


def test_a_router_that_looks_is_evaluated_with_what_looking_costs(tmp_path: Path) -> None:
    """The embedding is a part like any other: asked first, of every row, on the bill and in the latency."""
    pytest.importorskip("onnxruntime")
    root = Path(__file__).parents[2]
    try:
        model_files(DEFAULT_MODEL, root, {})
    except CandidateError:
        pytest.skip("the embedding model is not there; fetch it with `make assets`")
    parts = (
        Candidate(name="bad", kind="constant", params={"output": "bad"}, price=Price(per_call=0.01)),
        Candidate(name="good", kind="constant", params={"output": "good"}, price=Price(per_call=0.1)),
        Candidate(name="where", kind="embedding", price=Price(per_call=0.003)),
    )
    draw = np.random.default_rng(0)
    vectors: list[JSON] = [[float(each) for each in draw.normal(size=384)]]
    gains: JSON = {"prices": [0.0], "weights": [[0.0] * 18], "vectors": vectors}
    router = Candidate(name="router", kind="router", params={"gains": gains}, parts=parts)
    task = msgspec.structs.replace(reviews(60), folder=str(root))
    found = merits.evaluate(task, [router], split="dev", store=tmp_path / "store.sqlite")
    assert found.scored.all()
    assert bool(found.priced[0])
    assert {round(float(cost), 4) for cost in found.cost[0]} == {0.013, 0.103}
    assert (found.latency_s[0] > 0.0).all()
    assert found.composed[0].consulted[2].all()


def test_a_cascade_goes_through_run_and_its_report(tmp_path: Path) -> None:
    """It has no bill of its own: what was paid is paid to those that it asks."""
    short = Candidate(
        name="short", kind="text-linear", params={"words": 1, "characters": 0}, price=Price(per_call=0.01)
    )
    long = Candidate(name="long", kind="text-linear", params={"strength": 1.0}, price=Price(per_call=0.1))
    cascade = Candidate(name="short first", kind="cascade", params={"thresholds": [0.7]}, parts=(short, long))
    task = msgspec.structs.replace(reviews(), candidates=(short, long, cascade))
    done = run(task, store=tmp_path / "store.sqlite")
    assert {standing.candidate for standing in done.decision.standings} == {"short", "long", "short first"}
    assert done.bill is not None
    assert {row.candidate for row in done.bill.rows} == {"short", "long"}
    page = save_page(done.view, tmp_path / "report.html").read_text("utf-8")
    assert "those that it asks" in page
