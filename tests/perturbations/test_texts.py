"""What each perturbation of a text changes, how much, and what it must keep."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.perturbations.registry import perturbation
from merits.perturbations.words import plain_words

TEXT = (
    "Tom bought 12 big books for $1,234.50 at the shop in Paris. He doesn't think that it was cheap! "
    "Is the total price of all books, with 7% tax, really not very good? Please ask Ada-Lou or mail a_b@x.org."
)
NAMES = (
    "case dropped_words distractor emoji keyboard language_mix noise punctuation synonyms typos".split()  # noqa: SIM905
)
NUMBERS = re.compile(r"\d[\d.,]*\d|\d")


def at(name: str, strength: float, text: str = TEXT, seed: int = 0) -> str:
    return perturbation(name).perturb(text, strength, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_numbers_stay(name: str) -> None:
    """With other numbers it would be another question."""
    for seed in range(25):
        for level in perturbation(name).LEVELS:
            assert NUMBERS.findall(TEXT) == NUMBERS.findall(at(name, level, seed=seed))


@pytest.mark.parametrize("name", ["dropped_words", "distractor", "emoji", "language_mix", "punctuation", "synonyms"])
def test_names_stay(name: str) -> None:
    for seed in range(25):
        found = at(name, perturbation(name).LEVELS[-1], seed=seed)
        assert all(word in found for word in ("Paris", "Ada-Lou", "a_b@x"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", " ", "\n", "7", "!", "é", "東京は晴れ", "🙂", "I"])
def test_short_and_foreign_texts_are_no_trouble(name: str, text: str) -> None:
    for level in perturbation(name).LEVELS:
        assert isinstance(at(name, level, text), str)


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(max_size=60), seed=st.integers(0, 99))
def test_any_text_is_taken(name: str, text: str, seed: int) -> None:
    """Whatever is written, nothing raises, and no strength leaves it as it is."""
    found = perturbation(name)
    assert isinstance(found.perturb(text, found.LEVELS[-1], np.random.default_rng(seed)), str)
    assert text == found.perturb(text, 0, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_a_strength_that_makes_no_sense_is_refused(name: str) -> None:
    for strength in (-0.5, 99.5):
        with pytest.raises(ValueError, match="from 0 to"):
            at(name, strength)


def changed(before: str, after: str) -> int:
    """How many characters differ, of two texts of one length."""
    assert len(before) == len(after)
    return sum(a != b for a, b in zip(before, after, strict=True))


def test_the_share_of_letters_is_that_of_the_strength() -> None:
    letters = sum("a" <= character.lower() <= "z" for character in TEXT)
    for level in perturbation("keyboard").LEVELS:
        found = at("keyboard", level)
        assert changed(TEXT, found) == round(level * letters)
        assert [c.isupper() for c in found] == [c.isupper() for c in TEXT]


def test_a_neighbour_on_the_keyboard_is_one() -> None:
    """Horizontally or diagonally, never the letter across the board."""
    near = {"a": "qwsz", "g": "fhtyvb", "p": "ol", "m": "njk"}
    for letter, neighbours in near.items():
        seen = {at("keyboard", 1, letter, seed) for seed in range(200)}
        assert seen == set(neighbours)


def test_case_changes_the_share_of_words_and_nothing_but_case() -> None:
    for level in perturbation("case").LEVELS:
        found = at("case", level)
        assert found.lower() == TEXT.lower()
        pairs = zip(re.findall(r"[^\W\d_]+(?:'\w+)?", TEXT), re.findall(r"[^\W\d_]+(?:'\w+)?", found), strict=True)
        n_words = len(re.findall(r"[^\W\d_]+(?:'\w+)?", TEXT))
        assert sum(a != b for a, b in pairs) == round(level * n_words)
    assert at("case", 1) == TEXT.upper()


def test_dropped_words_are_as_many_as_told_and_never_a_negation() -> None:
    words = [word[0] for word in plain_words(TEXT) if word[0].lower() not in ("not", "doesn't")]
    for level in perturbation("dropped_words").LEVELS:
        for seed in range(20):
            found = at("dropped_words", level, seed=seed)
            gone = Counter(re.findall(r"[\w']+", TEXT)) - Counter(re.findall(r"[\w']+", found))
            assert gone.total() == round(level * len(words))
            assert "not" in found
            assert "doesn't" in found
            assert "  " not in found


def test_distractors_are_added_and_the_question_is_still_the_last_thing() -> None:
    for level in perturbation("distractor").LEVELS:
        found = at("distractor", level)
        assert found.endswith(TEXT[-20:])
        assert found.count(".") == TEXT.count(".") + level
        assert not re.search(r"\d", "".join(re.findall(r"(?:My|A|Some|The)[^.]*canal", found)))


@pytest.mark.parametrize("name", ["emoji", "noise"])
def test_what_is_put_in_can_be_taken_out_again(name: str) -> None:
    for level in perturbation(name).LEVELS:
        found = at(name, level)
        rest = iter(found)
        assert all(character in rest for character in TEXT)  # in their order
        gaps = TEXT.count(" ") + 1
        wanted = round(level * gaps) * 2 if name == "emoji" else round(level * len(TEXT))
        assert len(found) - len(TEXT) == wanted


def test_punctuation_goes_or_changes_and_words_stay() -> None:
    marks = len(re.findall(r"[.,!?](?=\s|$)", TEXT))
    assert marks == len(TEXT) - len(at("punctuation", 1))
    for level in perturbation("punctuation").LEVELS:
        found = at("punctuation", level)
        assert re.findall(r"\w+", TEXT) == re.findall(r"\w+", found)


@pytest.mark.parametrize("name", ["synonyms", "language_mix"])
def test_lists_change_the_share_of_the_words_that_are_on_them(name: str) -> None:
    text = "the big shop is really not good, and the problem is the total price"
    whole = at(name, 1, text)
    n_listed = {"synonyms": 6, "language_mix": 11}[name]  # counted by hand
    differing = sum(a != b for a, b in zip(text.split(), whole.split(), strict=False))
    assert differing <= n_listed
    half = at(name, 0.5, text)
    assert 0 < sum((Counter(text.split()) - Counter(half.split())).values()) <= round(n_listed / 2)


def test_a_synonym_keeps_the_capital_and_another_language_is_one_for_the_text() -> None:
    assert at("synonyms", 1, "Big mistake") in ("Large error",)
    spanish, german, french = (
        {at("language_mix", 1, text, seed) for seed in range(30)} for text in ("the good", "now", "with you")
    )
    assert spanish == {"el bueno", "die gut", "le bon"}
    assert german == {"ahora", "jetzt", "maintenant"}
    assert french == {"con tú", "mit du", "avec tu"}
