"""Scorers whose measure is one of all answers together: counted as the field's own tools count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.outcome import Counts
from merits.core.task import Example, ScorerSpec
from merits.scorers.counted import STATISTICS
from merits.scorers.registry import load
from merits.scorers.wer import Params
from merits.scorers.wer import load as load_wer
from merits.testing.contracts.scorer import ScorerContract

jiwer = pytest.importorskip("jiwer")


class TestWer(ScorerContract):
    """The contract of all scorers."""

    def make_scorer(self):
        return load(ScorerSpec("wer"))

    def solved(self):
        return [(Example(id="1", input="x", target="Good morning!"), Answer(output="good morning"))]

    def not_solved(self):
        return [(Example(id="1", input="x", target="Good morning!"), Answer(output="good evening"))]


TARGETS = ["the cat sat on the mat", "it rains in the north of the country", "no", "he said so yesterday evening"]
SAID = ["a cat sat on the mat", "in the north of the country it rains", "yes", "yesterday evening he said so"]


def counts_of(kind: str, said: list[str], targets: list[str]) -> np.ndarray:
    score = load(ScorerSpec(kind))
    found = [
        score(Example(id="1", input="x", target=t), Answer(output=s)).counts for s, t in zip(said, targets, strict=True)
    ]
    return np.array([counts.values for counts in found])


def test_word_errors_of_sums_are_jiwers() -> None:
    """All errors over all words, not the mean of the answers' rates."""
    sums = counts_of("wer", SAID, TARGETS).sum(axis=0)
    assert float(STATISTICS["error_rate"].value(sums)) == pytest.approx(jiwer.wer(TARGETS, SAID))


def test_character_errors_are_jiwers() -> None:
    """For languages that are written without spaces."""
    score = load(ScorerSpec("wer", {"unit": "character"}))
    found = score(Example(id="1", input="x", target="你好世界"), Answer(output="你好时界"))
    assert found.counts == Counts("error_rate", (1.0, 4.0))


def test_the_nearest_of_several_targets_counts() -> None:
    """A list of targets means any of them."""
    score = load_wer(Params(), classes=(), folder=Path())
    assert score(
        Example(id="1", input="x", target=["colour it red", "color it red"]), Answer(output="color it red")
    ).solved


def test_endless_repetition_is_counted_without_being_aligned() -> None:
    """A transcriber that loops says a word a million times: each is one inserted word."""
    score = load(ScorerSpec("wer"))
    found = score(Example(id="1", input="x", target="one two"), Answer(output="two " * 100_000))
    assert found.counts == Counts("error_rate", (99_999.0, 2.0))
    assert found.value == 0.0
