"""Every built-in scorer keeps the contract that plug-ins are held to."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.identity import JSON
from merits.core.judge import JudgeScorer
from merits.core.outcome import Score
from merits.core.task import Example, ScorerSpec
from merits.scorers import registry
from merits.scorers.python import as_spec
from merits.testing.contracts.scorer import ScorerContract


def pair(target: JSON, output: JSON) -> tuple[Example, Answer]:
    return Example(id="1", input="in", target=target), Answer(output=output)


def first_letter(example: Example, answer: Answer) -> float:
    said = answer.output if isinstance(answer.output, str) else ""
    return 1.0 if said[:1] == str(example.target)[:1] else 0.25


def contains_target(messages: Any) -> JSON:
    """A judge's model that follows the instruction to the letter: yes, or A, where the target is in the answer."""
    text = str(messages[1]["content"])
    parts = [part.split("\n", 1) for part in text.split("<<<")[1:]]
    said = {head.rsplit(" ", 1)[0]: body[0].strip() if body else "" for head, *body in parts}
    if "ANSWER TO JUDGE" in said:
        return {"verdict": "yes" if said["RIGHT ANSWER"] in said["ANSWER TO JUDGE"] else "no"}
    better = [len(said[f"ANSWER {side}"]) > 3 and "b" not in said[f"ANSWER {side}"] for side in "AB"]
    return {"verdict": "tie" if better[0] == better[1] else "A" if better[0] else "B"}


def driven(judge: JudgeScorer) -> Scorer:
    """The judge as a scorer, its model being `contains_target`."""

    def score(example: Example, answer: Answer) -> Score:
        asking = judge.judge(example, answer)
        try:
            ask = next(asking)
            while True:
                ask = asking.send(Answer(contains_target(ask.messages)))
        except StopIteration as end:
            return end.value.score

    return score


CLASSES = ("ham", "spam")
SCHEMA: dict[str, JSON] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
DEV = [Example(user, {"user": user, "items": ["a"]}, ["b"] if user == "1" else ["a"]) for user in "1234"]
RUN: dict[str, JSON] = {"items": ["a", "b"], "times": [1, 2], "ratings": [3, 1]}
INTERVAL: dict[str, JSON] = {"value": 10, "quantiles": {"0.05": 8, "0.95": 12}}
CASES: dict[str, tuple[ScorerSpec, list[tuple[JSON, JSON]], list[tuple[JSON, JSON]]]] = {
    "label": (
        ScorerSpec("label"),
        [("spam", " SPAM. "), ("ham", {"label": "Ham"})],
        [("spam", "ham"), ("spam", "eggs")],
    ),
    "exact": (ScorerSpec("exact"), [("a b", "a b"), (["x", "y"], "y"), (4, 4)], [("a", "A"), ("a", None)]),
    "normalised": (ScorerSpec("normalised"), [("Paris", "paris!"), ("-5", "-5.")], [("-5", "5"), ("60 %", "60")]),
    "contains": (ScorerSpec("contains"), [("Paris", "It is Paris."), ("4", "2 + 2 is 4")], [("4", "44"), ("a", "")]),
    "numeric": (ScorerSpec("numeric"), [("#### 18", "so $18.00"), (1234.5, "1,234.5")], [("18", "19"), ("18", "none")]),
    "rmse": (ScorerSpec("rmse", {"tolerance": 1}), [(10, 10.5), ("10", {"value": 9})], [(10, 12), (10, "none")]),
    "mae": (ScorerSpec("mae", {"relative": 0.1}), [(10, 10.5), (10, "it is 9.5")], [(10, 12), (10, {})]),
    "r2": (ScorerSpec("r2"), [(10, 10), ([1, 10], 10)], [(10, 12), (10, None)]),
    "pinball": (ScorerSpec("pinball"), [(10, {"quantiles": {"0.5": 10}})], [(10, 12), (10, {"quantiles": {}})]),
    "coverage": (
        ScorerSpec("coverage"),
        [(10, INTERVAL), (10, '{"value": 1, "quantiles": {"0.05": 9, "0.95": 10}}')],
        [(13, INTERVAL), (10, 10)],
    ),
    "interval_width": (ScorerSpec("interval_width", {"level": 0.9}), [(10, INTERVAL)], [(13, INTERVAL), (10, None)]),
    "regex": (
        ScorerSpec("regex", {"pattern": "answer: (.*)", "captured": 1}),
        [("B", "answer: A\nanswer: B")],
        [("B", "B"), ("B", "answer: C")],
    ),
    "json_schema": (
        ScorerSpec("json_schema", {"schema": SCHEMA}),
        [("", '{"n": 1}'), ("", {"n": 2})],
        [("", '{"n": "1"}')],
    ),
    "bleu": (
        ScorerSpec("bleu"),
        [("The cat sat on the mat.", "The cat sat on the mat.")],
        [("The cat sat on the mat.", "A dog ran off."), ("The cat sat on the mat.", "")],
    ),
    "chrf": (
        ScorerSpec("chrf"),
        [("The cat sat on the mat.", "The cat sat on the mat.")],
        [("The cat sat on the mat.", "A dog ran off."), ("The cat sat on the mat.", "")],
    ),
    "ter": (
        ScorerSpec("ter"),
        [("The cat sat on the mat.", "The cat sat on the mat.")],
        [("The cat sat on the mat.", "A dog ran off."), ("The cat sat on the mat.", "")],
    ),
    "wer": (
        ScorerSpec("wer"),
        [("the cat sat", "The cat sat")],
        [("the cat sat", "a dog ran off"), ("the cat sat", "")],
    ),
    "cer": (
        ScorerSpec("cer"),
        [("the cat sat", "The cat sat")],
        [("the cat sat", "a dog ran off"), ("the cat sat", "")],
    ),
    "f1": (ScorerSpec("f1"), [("the Eiffel Tower", "Eiffel Tower!")], [("Eiffel Tower", "Big Ben"), ("a b", "")]),
    "rouge": (ScorerSpec("rouge"), [("The cat sat.", "the cat sat")], [("the cat sat", "dogs"), ("the cat", "")]),
    "span_f1": (
        ScorerSpec("span_f1"),
        [([{"label": "place", "text": "Bern"}], '{"place": ["bern"]}'), ([], "[]")],
        [(["Bern"], "[]"), (["Bern"], '["Bern", "Rome"]'), ([], "no JSON")],
    ),
    "fields": (
        ScorerSpec("fields"),
        [({"city": "Bern", "n": 2}, '{"n": "2.0", "city": "bern", "more": 1}')],
        [({"city": "Bern", "n": 2}, {"city": "Bern"}), ({"a": 1}, "none")],
    ),
    "code": (
        ScorerSpec("code", {"timeout_s": 2}),
        [("assert twice(2) == 4", "def twice(n): return 2 * n")],
        [("assert twice(2) == 4", "def twice(n): return 3 * n"), ("assert True", "def (")],
    ),
    "judge": (ScorerSpec("judge", {"model": "m"}), [("Paris", "It is Paris.")], [("Paris", "Rome"), ("Paris", "")]),
    "pairwise": (ScorerSpec("pairwise", {"model": "m"}), [("b", "long")], [("long", "b"), ("b", "bb"), ("b", "b")]),
    "hit": (
        ScorerSpec("hit", {"k": 2}),
        [(RUN, ["c", "a"]), (["a"], "1. a\n2. c")],
        [(RUN, ["c", "d", "a"]), (RUN, [])],
    ),
    "ndcg": (ScorerSpec("ndcg", {"solved_from": 0.5}), [(RUN, ["a"])], [(RUN, ["c", "b"]), (RUN, "a b")]),
    "recall_at": (ScorerSpec("recall_at", {"solved_from": 1.0}), [(RUN, ["b", "a"])], [(RUN, ["a"]), (RUN, None)]),
    "mrr": (ScorerSpec("mrr", {"solved_from": 0.5}), [(RUN, ["c", "a"])], [(RUN, ["c", "d", "a"])]),
    "map": (ScorerSpec("map", {"solved_from": 0.5}), [(RUN, ["a"])], [(RUN, ["c", "a"])]),
    "novelty": (ScorerSpec("novelty"), [(RUN, ["b", "new"])], [(RUN, ["a"]), (RUN, [])]),
    "top_k": (
        ScorerSpec("top_k", {"k": 2}),
        [("spam", "spam"), ("spam", ["ham", "spam"])],
        [("spam", "ham"), ("a", "b")],
    ),
    "python": (as_spec(first_letter), [("abc", "axx")], [("abc", "b"), ("abc", None)]),
}


# Scorers of pictures and sounds are held to it where these are made.
OF_FILES = {
    **dict.fromkeys(("picture_similarity", "fid", "kid", "diversity"), "tests.scorers.test_pictures.TestLikeness"),
    "caption_class": "tests.scorers.test_pictures.TestCaptionClass",
    "clip": "tests.scorers.test_pictures.TestClip",
    "comet": "tests.scorers.test_comet.TestComet",
    "real_time_factor": "tests.scorers.test_real_time_factor.TestContract",
}


@pytest.mark.parametrize("kind", CASES)
class TestBuiltIns(ScorerContract):
    @pytest.fixture(autouse=True)
    def _choose(self, kind: str) -> None:
        self.spec, self.good, self.bad = CASES[kind]

    def make_scorer(self):
        scorer = registry.load(
            self.spec, classes=CLASSES if self.spec.kind in ("label", "top_k") else (), folder=Path(), dev=DEV
        )
        return driven(scorer) if isinstance(scorer, JudgeScorer) else scorer

    def solved(self):
        return [pair(*case) for case in self.good]

    def not_solved(self):
        return [pair(*case) for case in self.bad]


def _module(kind: registry.Kind) -> str:
    """A kind is a module, or an object of one."""
    return getattr(kind, "__name__", type(kind).__module__)


def test_every_built_in_scorer_is_under_contract():
    """A kind that is added without being held to the contract is noticed."""
    built_in = {name for name, kind in registry.kinds().items() if _module(kind).startswith("merits.")}
    judges_nothing = {"imported"}  # its own test is its doctest
    assert built_in - judges_nothing == set(CASES) | set(OF_FILES)
    for name, held in OF_FILES.items():
        module, _, suite = held.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), suite), ScorerContract), name
