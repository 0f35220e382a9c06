"""A transcript beside what was said: the words in an alignment, as jiwer finds it."""

from __future__ import annotations

import pytest

from merits.reading.transcripts import normaliser
from merits.scorers.alignment import aligned_words

jiwer = pytest.importorskip("jiwer")

PAIRS = [
    ("the cat sat on the mat", "a cat on the big mat"),
    ("it rains in the north of the country", "in the north of the country it rains"),
    ("no", ""),
    ("he said so yesterday evening", "yesterday yesterday evening he said said so"),
    ("one", "two three four"),
]


@pytest.mark.parametrize(("reference", "hypothesis"), PAIRS)
def test_each_kind_of_error_is_counted_as_jiwer_counts_it(reference: str, hypothesis: str) -> None:
    """Substitutions, deletions, insertions and hits, one by one."""
    theirs = jiwer.process_words(reference, hypothesis)
    operations = [word.operation for word in aligned_words(reference, hypothesis)]
    ours = {name: operations.count(name) for name in ("equal", "substitute", "delete", "insert")}
    assert ours == {
        "equal": theirs.hits,
        "substitute": theirs.substitutions,
        "delete": theirs.deletions,
        "insert": theirs.insertions,
    }


@pytest.mark.parametrize(("reference", "hypothesis"), PAIRS)
def test_no_word_is_lost_or_moved(reference: str, hypothesis: str) -> None:
    """Each side read by itself is the text as it was given."""
    words = aligned_words(reference, hypothesis)
    assert [word.reference for word in words if word.reference] == reference.split()
    assert [word.hypothesis for word in words if word.hypothesis] == hypothesis.split()


def test_what_is_evened_out_is_no_error() -> None:
    """Numbers and contractions in English; case and punctuation always, unless nothing is to be evened out."""
    said, heard = "I won't pay seven times!", "i will not pay 7 times"
    assert {word.operation for word in aligned_words(said, heard, "english")} == {"equal"}
    assert [word for word in aligned_words(said, heard) if word.operation == "substitute"]
    assert aligned_words("No", "no.", "none")[0] == ("substitute", "No", "no.")


def test_silence_on_either_side() -> None:
    """Nothing was said: all that is heard was inserted. Nothing was heard: all is left out."""
    assert aligned_words("", "...") == ()
    assert aligned_words("", "thank you") == (("insert", "", "thank"), ("insert", "", "you"))
    assert aligned_words("thank you", " . ") == (("delete", "thank", ""), ("delete", "you", ""))


def test_endless_repetition_is_not_aligned() -> None:
    """A transcriber that loops: what is far beyond the reference's length is inserted at the end."""
    words = aligned_words("one two", "two " * 100_000)
    assert len(words) == 100_000
    assert words[-1] == ("insert", "", "two")


def test_english_is_evened_out_as_in_whispers_own_code() -> None:
    """The same as the copy of that code in transformers, but for British spellings, whose list it does not carry."""
    theirs = pytest.importorskip("transformers.models.whisper.english_normalizer").EnglishTextNormalizer({})
    ours = normaliser("english")
    for text in (
        "I'm twenty-one years old, and I won't pay $7.50!",
        "Mr. Smith's three hundred and five dogs (laughs) aren't, uh, here [noise].",
        "nineteen eighty four; one oh one; 3rd, café",
    ):
        assert ours(text) == theirs(text).strip()
    assert ours("The colour grey") == ours("the color gray")
