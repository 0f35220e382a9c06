"""Reading a label is generous about form and never guesses about meaning."""

from __future__ import annotations

import pytest

from merits.reading.labels import read_label, reader, told_label

CLASSES = ("negative", "neutral", "positive")


@pytest.mark.parametrize(
    "output",
    [
        "positive",
        " Positive\n",
        "POSITIVE.",
        '"positive"',
        '"positive".',
        "'positive.'",
        "**Positive**",
        "`positive`",
        "“positive”",
        {"label": "Positive"},
        {"label": "positive", "why": "it says good"},
        '{"label": "positive"}',
        '```json\n{"label": "positive"}\n```',
        "ｐｏｓｉｔｉｖｅ",  # full-width letters
    ],
)
def test_form_does_not_matter(output):
    """Chat models decorate; a decoration is no mistake."""
    assert read_label(output, CLASSES) == "positive"


@pytest.mark.parametrize(
    "output",
    [
        None,
        "",
        ".",
        "positive, I think",
        "not negative",
        "positive negative",
        "positiv",
        "posi tive",
        "positive...",
        {"answer": "positive"},
        {"label": {"label": "positive"}},
        {"label": None},
        ["positive"],
        '["positive"]',
        "{positive}",
        1,
        True,
    ],
)
def test_meaning_is_never_guessed(output):
    """A guess would credit a candidate with an answer that production code could not use."""
    assert read_label(output, CLASSES) is None


@pytest.mark.parametrize(
    ("output", "expected"), [(1, "1"), (1.0, "1"), (True, "true"), ("1.", "1"), (0, None), (1.5, None), (False, None)]
)
def test_numbers_and_booleans_are_read_as_their_text(output, expected):
    """scikit-learn's estimators answer with numbers where the labels were numbers."""
    assert read_label(output, ("1", "true")) == expected


def test_classes_that_differ_in_case_only_are_told_apart_by_case():
    """Folding "US" and "us" together would be a guess."""
    assert [read_label(text, ("US", "us")) for text in ("US", "us", "Us")] == ["US", "us", None]


def test_classes_with_quotes_and_stops_are_read_as_they_are():
    """The label comes from the user's data, whatever it looks like."""
    classes = ("U.S.", '"q"', "n/a")
    assert [read_label(name, classes) for name in classes] == list(classes)
    assert read_label("u.s.", classes) == "U.S."


def test_a_reader_is_made_once_for_the_same_classes():
    """A million answers are read with it."""
    assert reader(("a", "b")) is reader(("a", "b"))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("The label is spam.", "spam"),
        ("Category: 'Ham'", "ham"),
        ("I looked at it.\n**Answer**: spam", "spam"),
        ("spam", "spam"),
        ('{"label": "ham"}', "ham"),
        ("The label is not spam.", None),
        ("The label is spam. No, the label is ham.", None),
        ("Label: spam\nLabel: ham", None),
        ("This looks like spam", None),
        ("The label is eggs", None),
        (None, None),
        ("label is " * 1000 + "spam", None),
    ],
)
def test_what_is_learned_from_may_say_that_it_is_the_label(said: str | None, meant: str | None) -> None:
    """A teacher need not keep to the form that a scorer wants; but nothing is guessed, and no "not" is overlooked."""
    assert told_label(said, ("ham", "spam")) == meant
