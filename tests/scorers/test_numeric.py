"""Numbers are read as people and chat models write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.core.answer import Answer
from merits.core.task import Example, ScorerSpec
from merits.reading.numbers import numbers
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import load


def solved(target, output, **params):
    score = load(ScorerSpec("numeric", params))
    return score(Example(id="1", input="?", target=target), Answer(output=output)).solved


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#### 18", [18]),
        ("1,234.5 and 12", [1234.5, 12]),
        ("1, 2, 3", [1, 2, 3]),
        ("1,23", [1, 23]),
        ("$1,000,000", [1e6]),
        ("-$5, $-5, −5", [-5, -5, -5]),
        ("- 5 apples", [5]),
        ("10-5", [10, 5]),
        ("3 - 2 = 1", [3, 2, 1]),
        ("60%, 60 %", [60, 60]),
        ("1/4", [0.25]),
        ("12/05/2024", [12, 5, 2024]),
        ("1/0", []),
        (".5", [0.5]),
        ("18.", [18]),
        ("1.2.3", [1.2]),
        ("GPT4 v2", []),
        ("3e4 2E-3", [3e4, 2e-3]),
        ("1e999", []),
        ("18kg", [18]),
        ("١٨", [18]),  # other scripts' digits are digits too
        ("", []),
    ],
)
def test_numbers_of_a_text(text, expected):
    """Each of these was seen in answers to word problems."""
    assert numbers(text) == pytest.approx(expected)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_number_written_by_python_is_read_back(value):
    """Round trip, with and without thousands separators."""
    assert solved(value, f"the answer is {value!r}")
    assert solved(round(value, 2), f"the answer is {value:,.2f}", tolerance=0.01, relative=1e-6)


def test_the_last_number_counts_unless_said_otherwise():
    """Models reason before they answer."""
    assert solved("18", "3 times 6 makes 18")
    assert not solved("18", "18, or rather 19")
    assert not solved("18", "3 times 6 makes 18", which="only")
    assert solved("18", "it is 18 dollars", which="only")
    assert solved("18", "a 3 #### 18 (checked: 3 * 6)", which="after")
    assert not solved("18", "it is 18", which="after")
    assert solved("18", "Answer: 18. Then 4.", which="after", marker="Answer:")


def test_tolerances_are_absolute_or_a_share_of_the_target():
    """Either suffices."""
    assert not solved("100", "101")
    assert solved("100", "101", tolerance=1)
    assert solved("100", "101", relative=0.01)
    assert not solved("100", "102", relative=0.01)
    assert solved("0.1", str(0.1 + 1e-12))


def test_percent_can_be_a_hundredth():
    """Where the target is a share, 60 % means 0.6; the default leaves the number as written."""
    assert solved("60", "60%")
    assert not solved("0.6", "60%")
    assert solved("0.6", "60%", percent="hundredth")


def test_a_target_without_number_leaves_the_outcome_unscored():
    """The data is at fault there, not the candidate."""
    with pytest.raises(CannotJudge, match="is no number: 'about eight'"):
        solved("about eight", "8")
    with pytest.raises(CannotJudge, match="has no target"):
        solved(None, "8")


def test_an_answer_without_number_is_wrong():
    """A refusal is an answer."""
    assert not solved("8", "I cannot say.")
    assert not solved("1", True)
