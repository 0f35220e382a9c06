"""Scorers whose measure is one of all answers together: counted as the field's own tools count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.outcome import Counts
from merits.core.task import Example, ScorerSpec
from merits.scorers.counted import STATISTICS
from merits.scorers.reading import CannotJudge
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


class TestWerOfEnglish(TestWer):
    """Also where numbers and contractions are evened out, whatever a model may say."""

    def make_scorer(self):
        return load(ScorerSpec("wer", {"normalise": "english"}))

    def solved(self):
        return [(Example(id="1", input="x", target="I won't pay seven!"), Answer(output="i will not pay 7"))]


class TestCer(TestWer):
    """The contract of all scorers."""

    def make_scorer(self):
        return load(ScorerSpec("cer"))


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
    assert float(STATISTICS["word_error_rate"].value(sums)) == pytest.approx(jiwer.wer(TARGETS, SAID))


def test_character_errors_of_sums_are_jiwers() -> None:
    """Spaces between words are characters."""
    sums = counts_of("cer", SAID, TARGETS).sum(axis=0)
    assert float(STATISTICS["character_error_rate"].value(sums)) == pytest.approx(jiwer.cer(TARGETS, SAID))


def test_english_word_errors_are_jiwers_of_texts_that_whispers_code_evened_out() -> None:
    """Errors and words of each are those of the evened-out texts."""
    even = pytest.importorskip("whisper_normalizer.english").EnglishTextNormalizer()
    targets = ["I won't be at No. 7, Mr. Brown.", "It's the colour of twenty-one cars", "um, three hundred"]
    said = ["i will not be at number seven mr brown", "its the color of 21 cars", "300 men"]
    score = load(ScorerSpec("wer", {"normalise": "english"}))
    for target, heard in zip(targets, said, strict=True):
        theirs = jiwer.process_words(even(target), even(heard))
        errors, n = score(Example(id="1", input="x", target=target), Answer(output=heard)).counts.values
        assert errors == theirs.substitutions + theirs.deletions + theirs.insertions
        assert n == theirs.hits + theirs.substitutions + theirs.deletions


@pytest.mark.parametrize("target", ["", " ... ", [" ", "?"]])
def test_a_target_without_a_word_is_not_judged(target: list[str] | str) -> None:
    """A rate per word of nothing is no number; the outcome is unscored, with the reason."""
    for kind, unit in (("wer", "word"), ("cer", "character")):
        for how in ("basic", "english"):
            with pytest.raises(CannotJudge, match=f"the target of example '7' has no {unit}"):
                load(ScorerSpec(kind, {"normalise": how}))(
                    Example(id="7", input="x", target=target), Answer(output="hello")
                )
    with pytest.raises(CannotJudge, match="has no word"):
        load(ScorerSpec("wer", {"normalise": "english"}))(Example(id="7", input="x", target="um"), Answer(output="um"))


def test_what_hardly_ends_is_evened_out_in_no_time() -> None:
    """Brackets never closed, digits without end: what a model says is scored, and soon."""
    score = load(ScorerSpec("wer", {"normalise": "english"}))
    for heard in ("(" * 100_000, "<" * 100_000, "9" * 100_000, "[a(" * 30_000):
        assert not score(Example(id="1", input="x", target="one two"), Answer(output=heard)).solved


def test_character_errors_are_jiwers() -> None:
    """For languages that are written without spaces."""
    score = load(ScorerSpec("cer"))
    found = score(Example(id="1", input="x", target="你好世界"), Answer(output="你好时界"))
    assert found.counts == Counts("character_error_rate", (1.0, 4.0))


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
    assert found.counts == Counts("word_error_rate", (99_999.0, 2.0))
    assert found.value == 0.0
