"""Reads numbers out of texts, as people write them. Knows nothing about what is near enough to be right."""

from __future__ import annotations

import math
import re
from typing import Literal

from merits.core.identity import JSON
from merits.reading.values import text_of

__all__ = ["is_close", "number_in", "number_of", "numbers"]

_NUMBER = re.compile(
    r"""(?x) (?<![\w.]) (?P<sign>[-−+]?) (?: [$€£¥] \s? )?
        (?P<digits> (?: \d{1,3} (?: [,\u00a0\u202f]\d{3} )+ | \d+ ) (?: \.\d+ )? | \.\d+ )
        (?: [eE](?P<power>[-+]?\d{1,4}) )?
        (?: / (?P<below>\d+) )? (?P<percent> \s?% )?"""
)
_DATE = re.compile(r"\d+(?:/\d+){2,}")  # 12/05/2024 is three numbers, not a fraction
_ROUNDING = 1e-9  # two decimal texts of one number differ in the last bits when read as floats
_LONGEST_DIGITS = 400  # beyond, a float is infinite anyway


def numbers(text: str, percent: Literal["same", "hundredth"] = "same") -> list[float]:
    """The numbers in a text, in order: signs, thousands separators, decimals, powers, fractions, money, percent.

    The decimal mark is the point. A minus counts where it touches the number, so that neither a subtraction nor a
    bullet makes one negative. Digits inside a word ("GPT4") are no number, nor is what a float cannot hold.

    >>> numbers("It costs $1,234.50, that is -3 % or 1/4 of 2e3")
    [1234.5, -3.0, 0.25, 2000.0]
    """
    text = _DATE.sub(lambda match: match[0].replace("/", " "), text)
    found = (_value(match, percent) for match in _NUMBER.finditer(text))
    return [value for value in found if value is not None and math.isfinite(value)]


def _value(match: re.Match[str], percent: str) -> float | None:
    digits = re.sub("[,\u00a0\u202f]", "", match["digits"])
    if len(digits) > _LONGEST_DIGITS or len(match["below"] or "") > _LONGEST_DIGITS:
        return None
    value = float(f"{digits}e{match['power'] or 0}")
    if match["below"]:
        if not int(match["below"]):
            return None
        value /= int(match["below"])
    value = -value if match["sign"] in ("-", "−") and match["sign"] else value
    return value / 100 if match["percent"] and percent == "hundredth" else value


def number_of(value: JSON) -> float | None:
    """The number that a value is; None for a text, a truth value, and what no float holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def number_in(value: JSON, percent: Literal["same", "hundredth"] = "same") -> float | None:
    """The number that a value is, or the last one that a text says; None where there is none that a float holds.

    >>> number_in(3), number_in("#### 18"), number_in("none"), number_in(True)
    (3.0, 18.0, None, None)
    """
    if isinstance(value, (bool, int, float)):
        return number_of(value)
    return next(reversed(numbers(text_of(value), percent)), None)


def is_close(said: float, target: float, tolerance: float = 0.0, relative: float = 0.0) -> bool:
    """Whether a number is the target within an absolute or a relative tolerance; 1e-9 of the target is rounding.

    >>> is_close(0.1 + 0.2, 0.3), is_close(11.0, 10.0, tolerance=0.5), is_close(11.0, 10.0, relative=0.1)
    (True, False, True)
    """
    return math.isclose(said, target, rel_tol=max(relative, _ROUNDING), abs_tol=tolerance)
