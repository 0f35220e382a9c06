"""Outcomes of production as an evaluation: whose word counts, what is missing, and that decisions rest on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

import merits
from merits.core.answer import Answer, Failure, Usage
from merits.core.candidate import Candidate
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.live import Feedback, Served
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.core.task import ScorerSpec
from merits.evaluating.live import live_evaluation
from merits.scorers.registry import load
from merits.testing.contracts.live_store import release, served

_SCORERS = [("label", load(ScorerSpec("label"), classes=("egg", "ham"), folder=Path()))]


def said(request: str, source: str = "label", **more: object) -> Feedback:
    return Feedback(request=request, task="tickets", at=5.0, source=source, **more)  # type: ignore[arg-type]


def built(records: Sequence[Served], *feedback: Feedback) -> Evaluation:
    by: dict[str, list[Feedback]] = {}
    for each in feedback:
        by.setdefault(each.request, []).append(each)
    return live_evaluation(records, by, [release(1), release(2)], _SCORERS)


def by(version: int, record: Served) -> Served:
    return replace(record, release=version)


def test_rows_are_requests_and_candidates_are_releases() -> None:
    """Missing, failed, unscored and wrong are four things."""
    failed = Answer(failure=Failure("timeout", "2 s"))
    found = built(
        [
            served("r1", at=1.0),
            by(2, served("r1", "egg", arm="shadow", at=1.1)),
            served("r2", at=2.0),
            replace(by(2, served("r3", at=3.0, arm="challenger")), answer=failed),
        ],
        said("r1", target="ham"),
    )
    assert (found.split, found.names, found.examples.tolist()) == (
        "live",
        ("tickets@1", "tickets@2"),
        ["r1", "r2", "r3"],
    )
    scored, failed_, unscored, missing = Status.SCORED, Status.FAILED, Status.UNSCORED, Status.MISSING
    assert found.status.tolist() == [[scored, unscored, missing], [scored, missing, failed_]]
    assert found.solved[:, 0].tolist() == [True, False]
    assert found.labels is not None
    assert found.labels.target.tolist() == [1, -1, -1]
    assert found.labels.predicted.tolist() == [[1, 1, -1], [0, -1, -1]]
    assert found.facts["unscored"] == "1: nobody said anything yet"


@pytest.mark.parametrize(
    ("words", "solved"),
    [
        ([("user", {"solved": False}), ("judge", {"solved": True})], False),
        ([("label", {"target": "ham"}), ("user", {"solved": False})], True),
        ([("label", {"target": "egg"}), ("label", {"target": "ham"})], True),
        ([("user", {"solved": True}), ("user", {"solved": False})], False),
        ([("user", {"solved": False}), ("label", {"solved": True})], True),
        ([("judge", {"score": 0.8})], True),
        ([("judge", {"score": 0.2})], False),
    ],
)
def test_labels_count_before_users_before_judges_and_the_last_word_counts(
    words: Sequence[tuple[str, Mapping[str, object]]], solved: bool
) -> None:
    """Of several, the one that knows best; of one source, the one that thought about it last."""
    found = built([served("r1")], *(said("r1", source, **dict(word)) for source, word in words))
    assert found.solved.tolist() == [[solved]]


def test_a_word_on_solved_is_about_the_answer_that_was_given() -> None:
    """A user saw one answer; a shadow's is judged only where somebody says so. A target judges both."""
    records = [served("r1"), by(2, served("r1", "egg", arm="shadow"))]
    assert built(records, said("r1", "user", solved=True)).status[:, 0].tolist() == [Status.SCORED, Status.UNSCORED]
    of_shadow = built(records, said("r1", "judge", solved=True, arm="shadow"))
    assert of_shadow.status[:, 0].tolist() == [Status.UNSCORED, Status.SCORED]


def test_a_label_that_is_none_of_the_classes_counts_against_nobody() -> None:
    """It was mistyped: what else was said counts; how a label is written does not matter."""
    found = built([served("r1"), served("r2"), served("r3")], said("r1", target="nonsense"), said("r3", target="Ham"))
    assert found.status.tolist() == [[Status.UNSCORED, Status.UNSCORED, Status.SCORED]]
    assert found.solved.tolist() == [[False, False, True]]
    assert "1: its label is none of the classes" in found.facts["unscored"]
    assert found.labels is not None
    assert found.labels.target.tolist() == [-1, -1, 1]
    earlier = built([served("r1")], said("r1", "user", target="egg"), said("r1", target="nonsense"))
    assert (earlier.status.tolist(), earlier.solved.tolist()) == ([[Status.SCORED]], [[False]])


def test_an_answer_whose_text_was_not_kept_is_not_wrong() -> None:
    """A label that comes after the text was forgotten cannot be scored; what a user said still counts."""
    forgotten = served("r1", None)
    assert built([forgotten], said("r1", target="ham")).status.tolist() == [[Status.UNSCORED]]
    found = built([forgotten], said("r1", target="ham"), said("r1", "user", solved=True))
    assert (found.status.tolist(), found.solved.tolist()) == ([[Status.SCORED]], [[True]])


def test_what_was_said_twice_or_otherwise_is_counted() -> None:
    """Nothing is lost, and nobody is surprised by which word counts."""
    found = built(
        [served("r1"), served("r2")],
        said("r1", target="ham"),
        said("r1", target="ham"),
        said("r2", target="ham"),
        said("r2", target="egg"),
    )
    assert found.facts["said twice"].startswith("1 times")
    assert found.facts["said again otherwise"].startswith("1 requests")


def test_rows_of_one_user_depend_on_each_other() -> None:
    """Ten complaints of one person are not ten people's."""
    records = [replace(served(f"r{n}", at=float(n)), user=user) for n, user in enumerate(("a", "b", "a", "", ""))]
    assert built(records).group.tolist() == [0, 1, 0, 2, 3]


def test_what_has_no_price_costs_no_record() -> None:
    """An unknown cost is not 0; nor is one in another currency."""
    priced = replace(served("r1"), cost=0.5)
    assert built([priced]).priced.tolist() == [True]
    assert built([priced, served("r2")]).priced.tolist() == [False]
    assert built([replace(priced, currency="EUR")]).priced.tolist() == [False]


def test_nothing_served_is_said() -> None:
    """Nothing to decide on is not a decision."""
    with pytest.raises(UsageError, match="Nothing was served"):
        built([by(9, served("r1"))])


@pytest.mark.parametrize("paired", [True, False])
def test_a_decision_is_made_on_it_as_on_any_other(paired: bool) -> None:
    """Monitoring is deciding again on live; shadows are pairs, a canary's rows are not."""
    rng = np.random.default_rng(0)
    records, feedback = [], []
    for n in range(600):
        right = rng.random(2) < (0.6, 0.9)
        outputs = ["ham" if ok else "egg" for ok in right]
        one = replace(served(f"r{n}", outputs[0], at=float(n)), cost=0.002)
        two = replace(
            by(2, served(f"r{n}", outputs[1], at=float(n), arm="shadow" if paired else "challenger")), cost=0.001
        )
        records += [one, two] if paired else [one if n % 2 else two]
        feedback.append(said(f"r{n}", target="ham"))
    evaluation = built(records, *feedback)
    needs = Needs(requirements=(Requirement("accuracy", ">=", 0.8),), incumbent="tickets@1")
    decision = merits.decide(evaluation, needs)
    assert (decision.verdict, decision.candidate, decision.split) == ("adopt", "tickets@2", "live")


def test_a_release_may_be_of_any_kind() -> None:
    """Without classes there are no labels, and texts are compared as the task says."""
    text = replace(release(1), kind="generation", classes=(), candidate=Candidate(name="c", kind="constant"))
    exact = [("exact", load(ScorerSpec("exact"), folder=Path()))]
    record = replace(served("r1", "Paris"), answer=Answer("Paris", usage=Usage(output_tokens=2), confidence=0.5))
    found = live_evaluation([record], {"r1": [said("r1", target="Paris")]}, [text], exact)
    assert found.labels is None
    assert found.solved.tolist() == [[True]]
    assert found.tokens["output"].tolist() == [[2.0]]
    assert found.confidence[0].tolist() == [0.5]
