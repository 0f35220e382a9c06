"""Figures of words, spans and fields agree with the field's own definitions and libraries."""

from __future__ import annotations

import re
import string
from collections import Counter

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example, ScorerSpec
from merits.scorers.counted import STATISTICS
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import load

SAID = ["The Eiffel Tower, in Paris", "a man's best friend", "", "42", "it is an apple and the pear"]
TARGETS = ["Eiffel Tower", "man s best friend", "nothing", "42", "an apple, a pear"]


def score(kind: str, target: JSON, output: JSON, **params: JSON) -> Score:
    return load(ScorerSpec(kind, params))(Example("1", "?", target), Answer(output))


def squad_f1(prediction: str, truth: str) -> float:
    """`compute_f1` of SQuAD's evaluation script (version 2.0), line by line."""

    def normalised(text: str) -> str:
        text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
        return " ".join(re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text).split())

    gold, said = normalised(truth).split(), normalised(prediction).split()
    same = sum((Counter(gold) & Counter(said)).values())
    if len(gold) == 0 or len(said) == 0:
        return int(gold == said)
    if same == 0:
        return 0
    precision, recall = same / len(said), same / len(gold)
    return (2 * precision * recall) / (precision + recall)


def test_f1_of_words_is_that_of_squad() -> None:
    for said, target in zip(SAID, TARGETS, strict=True):
        assert score("f1", target, said).value == pytest.approx(squad_f1(said, target))
    assert score("f1", ["London", "Eiffel Tower"], "Eiffel Tower").value == 1
    assert score("f1", "the", "an").value == 1  # nothing is left of both


@pytest.mark.parametrize("variant", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_rouge_is_what_the_library_prints(variant: str) -> None:
    rouge = pytest.importorskip("rouge_score.rouge_scorer", reason="needs the extra generation")
    scorer = rouge.RougeScorer([variant], use_stemmer=True)
    for said, target in zip(SAID, TARGETS, strict=True):
        expected = scorer.score(target, said)[variant].fmeasure
        assert score("rouge", target, said, variant=variant, stemmer=True).value == pytest.approx(expected)


def test_rouge_cannot_judge_what_its_words_are_not_of() -> None:
    """The package counts a to z and digits: any answer would have 0."""
    pytest.importorskip("rouge_score", reason="needs the extra generation")
    with pytest.raises(CannotJudge, match="no letter from a to z"):
        score("rouge", "東京", "東京")


def test_f1_of_spans_over_all_answers_is_that_of_all_spans_together() -> None:
    """Micro: sums of right, said and wanted; scikit-learn's micro F1 over every (answer, span) that occurs."""
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(3)
    rows, wanted, said = [], [], []
    for _ in range(40):
        sides = [{str(n) for n in range(8) if rng.random() < share} for share in (0.4, 0.5)]
        rows.append(score("span_f1", sorted(sides[0]), sorted(sides[1])).counts)
        wanted += [str(n) in sides[0] for n in range(8)]
        said += [str(n) in sides[1] for n in range(8)]
    sums = np.sum([row.values for row in rows if row], axis=0)
    assert float(STATISTICS["f1"].value(sums)) == pytest.approx(f1_score(wanted, said))


@pytest.mark.parametrize(
    ("target", "output", "right"),
    [
        ([[0, 4, "person"]], [{"start": 0, "end": 4, "label": "person"}], 1),
        ([[0, 4, "person"]], [{"start": 0, "end": 5, "label": "person"}], 0),
        ([[0, 4, "person"]], [{"start": 0, "end": 4, "label": "place"}], 0),
        (["Bern", "Bern"], ["Bern"], 1),
        ({"place": "Bern"}, {"entities": [{"type": "place", "text": "Bern"}]}, 1),
        ('["Bern"]', '```json\n["bern."]\n```', 1),
    ],
)
def test_spans_come_in_many_forms(target: JSON, output: JSON, right: int) -> None:
    counts = score("span_f1", target, output).counts
    assert counts is not None
    assert counts.values[0] == right


def test_labels_of_spans_may_be_left_out() -> None:
    target, said = [{"label": "person", "text": "Ada"}], [{"label": "place", "text": "Ada"}]
    assert not score("span_f1", target, said).solved
    assert score("span_f1", target, said, labels=False).solved
    with pytest.raises(CannotJudge, match="no list of spans"):
        score("span_f1", "Ada", "[]")


@pytest.mark.parametrize(
    ("target", "output", "share"),
    [
        ({"a": "x", "b": 2, "c": None}, {"a": "X.", "b": "2"}, 1.0),
        ({"a": "x", "b": 2, "c": None}, {"a": "X", "b": 3, "c": "made up"}, 1 / 3),
        ({"zip": "0800"}, {"zip": 800}, 0.0),
        ({"n": 10**30}, {"n": "1e30"}, 1.0),
        ({"ok": True}, {"ok": 1}, 0.0),
        ({"list": [1, 2]}, {"list": [2, 1]}, 0.0),
        ({"a": 0}, {}, 0.0),
    ],
)
def test_fields_are_compared_one_by_one(target: JSON, output: JSON, share: float) -> None:
    found = score("fields", target, output)
    assert found.value == pytest.approx(share)
    assert found.solved == (share == 1.0)


def test_one_field_is_a_measure_of_its_own() -> None:
    target, said = {"a": 1, "b": 2}, {"a": 1, "b": 3}
    assert [score("fields", target, said, fields=[name]).solved for name in "ab"] == [True, False]
    assert score("fields", {"n": 1.0}, {"n": 1.04}, tolerance=0.05).solved
