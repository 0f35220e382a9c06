"""Measures of lists are those of the library, number by number."""

from __future__ import annotations

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.errors import UsageError
from merits.core.task import Example, ScorerSpec
from merits.reading.lists import ranked
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import load

ir_measures = pytest.importorskip("ir_measures")
THEIRS = {"hit": "Success", "ndcg": "nDCG", "recall_at": "R", "mrr": "RR", "map": "AP"}


def lists(n: int = 60) -> list[tuple[Example, Answer]]:
    """Targets with ratings, and lists that hold some of them."""
    random = np.random.default_rng(0)
    items = [f"film {number}" for number in range(30)]
    found = []
    for user in range(n):
        target = random.choice(items, int(random.integers(1, 8)), replace=False).tolist()
        ratings = random.integers(1, 6, len(target)).tolist()
        answer = random.choice(items, int(random.integers(1, 15)), replace=False).tolist()
        example = Example(str(user), {"user": str(user), "items": []}, {"items": target, "ratings": ratings})
        found.append((example, Answer(answer)))
    return found


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("kind", THEIRS)
def test_the_mean_over_answers_is_what_the_library_prints(kind: str, k: int) -> None:
    score, pairs = load(ScorerSpec(kind, {"k": k})), lists()
    qrels = [
        ir_measures.Qrel(example.id, item, rating if kind == "ndcg" else 1)
        for example, _ in pairs
        for item, rating in zip(example.target["items"], example.target["ratings"], strict=True)
    ]
    run = [
        ir_measures.ScoredDoc(example.id, item, float(-place))
        for example, answer in pairs
        for place, item in enumerate(answer.output)
    ]
    measure = ir_measures.parse_measure(f"{THEIRS[kind]}@{k}")
    theirs = ir_measures.calc_aggregate([measure], qrels, run)[measure]
    assert np.mean([score(*pair).value for pair in pairs]) == pytest.approx(theirs, abs=1e-12)


def test_counts_sum_to_the_mean_so_that_it_has_an_interval() -> None:
    score = load(ScorerSpec("ndcg"))
    counts = np.array([score(*pair).counts.values for pair in lists()])
    assert counts.sum(axis=0).tolist() == pytest.approx([sum(score(*pair).value for pair in lists()), 60])


def test_an_item_given_twice_counts_at_its_first_place() -> None:
    """Else a list of the same item could be longer than its target."""
    score, example = load(ScorerSpec("recall_at", {"k": 2})), Example("1", {"items": []}, ["a", "b"])
    assert score(example, Answer(["a", "a", "b"])).value == score(example, Answer(["a", "b"])).value == 1.0


def test_names_that_the_library_could_not_take_are_compared_all_the_same() -> None:
    odd = "\ud800 a\x00b\nc"
    assert load(ScorerSpec("hit"))(Example("1", {"items": []}, [odd]), Answer([odd])).solved


def test_an_example_without_a_target_cannot_be_judged() -> None:
    """It is held against nobody."""
    for target in (None, [], {"items": ["a"], "ratings": [0]}):
        with pytest.raises(CannotJudge):
            load(ScorerSpec("ndcg"))(Example("1", {"items": []}, target), Answer(["a"]))


@pytest.mark.parametrize(
    "output",
    [
        '["Alien", "Brazil"]',
        '```json\n{"items": ["Alien", "Brazil"]}\n```',
        "- Alien\n- Brazil",
        "1) Alien\n2) Brazil\n",
    ],
)
def test_a_list_in_the_text_of_a_chat_model_is_read(output: str) -> None:
    assert ranked(output) == ["Alien", "Brazil"]


def test_novelty_is_self_information_by_the_users_of_dev() -> None:
    """One of four users chose b, two chose c: 2 bits and 1 bit of at most 2."""
    dev = [Example(str(n), {"items": ["a"]}, items) for n, items in enumerate((["b", "c"], ["c"], [], []))]
    score = load(ScorerSpec("novelty"), dev=dev)
    assert [score(Example("x", {}), Answer(items)).value for items in (["a"], ["b"], ["c"], ["b", "c"])] == [
        0.0,
        1.0,
        0.5,
        0.75,
    ]
    assert score(Example("x", {}), Answer(["nobody's"])).value == 1.0
    with pytest.raises(CannotJudge, match="fewer than two"):
        load(ScorerSpec("novelty"))(Example("x", {}), Answer(["a"]))


def test_without_the_package_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ir_measures", None)
    with pytest.raises(UsageError, match=r"merits\[recommendation\]"):
        load(ScorerSpec("ndcg"))
