"""Examples out of production."""

import pytest

from merits.core.answer import Answer
from merits.core.live import Feedback, Served
from merits.evaluating.fresh import fresh_examples


def served(request, input, at, arm="champion"):
    return Served(
        request=request, task="t", release=1, arm=arm, at=at, input_hash="", answer=Answer("a"), input=input, user="u"
    )


def said(request, target, source="label", at=9.0):
    return {request: [Feedback(request=request, task="t", at=at, source=source, target=target)]}


def test_the_newest_of_equal_inputs_counts_and_of_many_the_newest_are_taken():
    asked = [served("r1", "x", 1.0), served("r2", "y", 2.0), served("r3", "x", 3.0)]
    labels = said("r1", "old") | said("r2", "b") | said("r3", "new")
    assert [(e.id, e.target) for e in fresh_examples(asked, labels)] == [("r2", "b"), ("r3", "new")]
    assert [e.id for e in fresh_examples(asked, labels, most=1)] == ["r3"]


@pytest.mark.parametrize(
    ("one", "labels"),
    [
        (served("r", None, 1.0), said("r", "b")),
        (served("r", "x", 1.0), {}),
        (served("r", "x", 1.0), said("r", "b", source="judge")),
        (served("r", "x", 1.0), said("r", "b", source="user")),
        (served("r", "x", 1.0, arm="shadow"), said("r", "b")),
    ],
)
def test_without_its_content_or_a_label_a_request_is_no_example(one, labels):
    assert fresh_examples([one], labels) == []


def test_what_is_tested_on_elsewhere_is_left_out():
    (example,) = fresh_examples([served("r", "x", 1.0)], said("r", "b"))
    assert example.group == "u"
    assert fresh_examples([served("r", "x", 1.0)], said("r", "b"), without=frozenset([example.input_hash])) == []


def test_corrections_by_users_are_taken_where_that_is_said():
    """A label outweighs them."""
    one, both = served("r", "x", 1.0), said("r", "b", source="user")
    (example,) = fresh_examples([one], both, sources=("label", "user"))
    assert example.target == "b"
    both["r"] = [*said("r", "c")["r"], *both["r"]]
    (example,) = fresh_examples([one], both, sources=("label", "user"))
    assert example.target == "c"
