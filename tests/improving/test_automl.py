"""AutoML as a technique: searches in folds, then what they found as plain candidates; in its time; why not."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

import merits
from merits.candidates.automated import automated_here
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Store
from merits.core.task import Example, Task
from merits.improving import automl
from merits.improving.registry import improver_of, technique_names
from merits.testing.contracts.improver import ImproverContract, brief_of, outcomes, task_of
from tests.improving.driving import searched
from tests.improving.test_tuning import columns, estimator

SNIPS = Path(__file__).parents[3] / "shared" / "data" / "labelled" / "snips"
FOUND = 'sklearn.linear_model.LogisticRegression {"C":%s}'
pytestmark = pytest.mark.skipif(not automated_here(), reason="the extra automl is not installed")


def brief(seeds: Sequence[Candidate], task: Task, left: float = float("inf")) -> Brief:
    """What it is told; the answers of an AutoML candidate name what three folds found."""
    made = brief_of(seeds, task)
    known = {one.name for one in seeds}

    def said(name: str) -> Sequence[Answer | None]:
        if name in known:
            return made.said(name)
        return [Answer("good", model=FOUND % (1 + row % 3)) for row in range(made.evaluation.n_rows)]

    return replace(made, said=said, seconds_left=lambda: left)


LINEAR = Candidate(name="linear", kind="text-linear")


class TestContract(ImproverContract):
    def make_improver(self) -> Improver:
        return improver_of("automl")

    def task(self) -> Task:
        return task_of(80)

    def brief(self) -> Brief:
        return brief(self.seeds(), self.task())


@pytest.fixture
def store() -> Iterator[Store]:
    opened = merits.open_store(":memory:")
    yield opened
    opened.close()


def asked(told: Brief, **params: object) -> list[list[Candidate]]:
    rounds: list[list[Candidate]] = []
    generator = automl.make(msgspec.convert(params, automl.Params))(told)
    try:
        trials = next(generator)
        while True:
            rounds.append(list(trials.candidates))
            trials = generator.send(outcomes(trials.candidates, told.task))
    except StopIteration:
        return rounds


def test_it_is_one_of_the_techniques() -> None:
    assert "automl" in technique_names()


def test_texts_are_searched_by_embeddings_and_by_words_and_then_what_was_found_alone() -> None:
    """What is served needs no AutoML library, and learns from the same features."""
    rounds = asked(brief([LINEAR], task_of(80)), recipes=6)
    searches = [one for (one,) in rounds if one.kind == "automl"]
    assert [(one.name, one.params) for one in searches] == [
        ("automl over embeddings", {"seconds": 30.0, "features": "embeddings"}),
        ("automl over words", {"seconds": 30.0}),
    ]
    alone = [one for (one,) in rounds if one.kind == "sklearn"]
    assert len(alone) == 6
    assert {(one.params["estimator"], one.params.get("features", "auto")) for one in alone} == {
        ("sklearn.linear_model.LogisticRegression", "auto"),
        ("sklearn.linear_model.LogisticRegression", "embeddings"),
    }
    assert len({one.name for one in alone}) == 6


@pytest.mark.parametrize(
    ("left", "seconds"), [(1000.0, [64, 64]), (100.0, [8, 8]), (14.0, [1, 1]), (9.0, [1]), (5.0, [])]
)
def test_the_time_is_shared_out_among_folds(left: float, seconds: list[float]) -> None:
    """Five folds, two features, and a fifth is kept for what they find; with little time there is one search only."""
    rounds = asked(brief([LINEAR], task_of(80), left), recipes=0)
    assert [one.params["seconds"] for (one,) in rounds] == seconds


def test_it_ends_when_the_time_is_up() -> None:
    """What was found is tried only while there is time for one more."""
    left = itertools.chain([200.0, 200.0, 20.0], itertools.repeat(3.0))
    told = replace(brief([LINEAR], task_of(80)), seconds_left=lambda: next(left))
    assert [one.kind for (one,) in asked(told, features=["auto"])] == ["automl", "sklearn"]


def test_the_embedding_model_is_that_of_a_candidate() -> None:
    mine = Candidate(name="mine", kind="embeddings-linear", params={"model": "my-model"})
    ((one,),) = asked(brief([mine], task_of(80)), features=["embeddings"], recipes=0)
    assert one.params["embedding"] == "my-model"


def of(example: object, n: int = 80, kind: str = "classification") -> Task:
    examples = tuple(Example(f"e{i}", example, ("a", "b")[i % 2], split="dev") for i in range(n))  # type: ignore[arg-type]
    return msgspec.structs.replace(task_of(), kind=kind, examples=examples, classes=("a", "b"))


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (of("x", 40), "40 dev examples are too few"),
        (of("x", kind="translation"), "translation is neither"),
        (of("x.png", kind="image-classification"), "image-classification is neither"),
        (of([{"role": "user", "content": "x"}]), "The input of e0 is neither a text nor columns"),
    ],
)
def test_it_says_why_not(task: Task, reason: str) -> None:
    seed = Candidate(name="a", kind="constant")
    told = Brief(task, outcomes([seed], task), lambda name: [])
    assert reason in automl.why_not(told)
    assert asked(told) == []


def test_the_plan_says_how_long_it_searches() -> None:
    told = brief([LINEAR], task_of(80), 100.0)
    assert automl.notes(automl.Params(), told) == (
        "One search in each of 5 folds over embeddings and words: 8 s at most, by what the others leave.",
    )
    assert "not one second" in automl.notes(automl.Params(), replace(told, seconds_left=lambda: 3.0))[0]


def test_it_finds_a_better_candidate_for_columns_and_what_it_keeps_needs_no_library(store: Store) -> None:
    """Digits, beside a single tree of little depth: really searched, in five folds of a second."""
    from sklearn.datasets import load_digits

    seed = estimator("sklearn.tree.DecisionTreeClassifier", "tree", max_depth=4)
    task = merits.make_task(columns(load_digits(), 500), name="digits", candidates=[seed])
    start = time.monotonic()
    found = searched(task, improver_of("automl", {"seconds": 1.0, "estimators": ["lrl2", "extra_tree"]}), store)
    assert time.monotonic() - start < 60.0
    assert max(found.solved(one.name) for one in found.kept) > found.solved("tree") + 0.1
    plain = [one for one in found.tried.values() if one.kind == "sklearn"]
    assert plain
    assert all(found.solved(one.name) > found.solved("tree") for one in plain)
    again = searched(task, improver_of("automl", {"seconds": 1.0, "estimators": ["lrl2", "extra_tree"]}), store)
    assert list(again.tried) == list(found.tried)  # what a search by the clock found is stored, and not searched anew


def test_short_texts_are_searched_over_their_embeddings(store: Store) -> None:
    """Intents of the snips data, 60 of each."""
    if not SNIPS.exists():
        pytest.skip("the snips data are not here")
    pytest.importorskip("onnxruntime")
    rows = []
    for file in sorted(SNIPS.glob("train_*.json.gz")):
        ((intent, cases),) = json.loads(gzip.decompress(file.read_bytes())).items()
        rows += [{"text": "".join(part["text"] for part in case["data"]), "label": intent} for case in cases[:60]]
    seed = Candidate(name="linear", kind="text-linear", params={"words": 0, "characters": 1, "strength": 0.001})
    task = merits.make_task(rows, name="intents", candidates=[seed])
    params = {"seconds": 1.0, "features": ["embeddings"], "estimators": ["lrl2"], "recipes": 1}
    found = searched(task, improver_of("automl", params), store)
    if not np.any(found.told[0].scored):
        pytest.skip(str(found.told[0].facts))
    assert max(found.solved(one.name) for one in found.kept) > found.solved("linear")
    assert {one.params["features"] for one in found.tried.values() if one.kind == "sklearn"} == {"embeddings"}
