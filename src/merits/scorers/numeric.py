"""Solved when the number in the output is the target's, within a tolerance."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example
from merits.scorers.reading import SOLVED, CannotJudge, shorten, targets_of, text_of, wrong

__all__ = ["Params", "load", "numbers"]

_NUMBER = re.compile(
    r"""(?x) (?<![\w.]) (?P<sign>[-−+]?) (?: [$€£¥] \s? )?
        (?P<digits> (?: \d{1,3} (?: [,\u00a0\u202f]\d{3} )+ | \d+ ) (?: \.\d+ )? | \.\d+ )
        (?: [eE](?P<power>[-+]?\d{1,4}) )?
        (?: / (?P<below>\d+) )? (?P<percent> \s?% )?"""
)
_DATE = re.compile(r"\d+(?:/\d+){2,}")  # 12/05/2024 is three numbers, not a fraction
_ROUNDING = 1e-9  # two decimal texts of one number differ in the last bits when read as floats
_LONGEST_DIGITS = 400  # beyond, a float is infinite anyway


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which number is read, and how far it may be off."""

    tolerance: Annotated[float, msgspec.Meta(ge=0, description="The largest absolute difference that counts.")] = 0.0
    relative: Annotated[
        float, msgspec.Meta(ge=0, description="The largest difference that counts, as a share of the target.")
    ] = 0.0
    which: Annotated[
        Literal["last", "only", "after"],
        msgspec.Meta(description="Which number of the text: the last, the only one, or the first after `marker`."),
    ] = "last"
    marker: Annotated[str, msgspec.Meta(description="With which: after, the text before the number.")] = "####"
    percent: Annotated[
        Literal["same", "hundredth"],
        msgspec.Meta(description="60 % is read as 60 (same) or as 0.6 (hundredth)."),
    ] = "same"


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


def _read(value: JSON, params: Params) -> float | None:
    """The number that a value is or says, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    text = text_of(value)
    if params.which == "after":
        _, marker, text = text.rpartition(params.marker)
        return next(iter(numbers(text, params.percent)), None) if marker else None
    found = numbers(text, params.percent)
    if not found or (params.which == "only" and len(found) > 1):
        return None
    return found[-1]


def _targets(example: Example, params: Params) -> list[float]:
    read = Params(percent=params.percent)
    found = [_read(target, read) for target in targets_of(example)]
    values = [value for value in found if value is not None]
    if not values:
        raise CannotJudge(f"the target of example {example.id!r} is no number: {shorten(example.target)!r}")
    return values


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that reads a number out of the output and compares it with the target's last number.

    Within `tolerance`, or within `relative` times the target; a difference of 1e-9 of the target is rounding.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="6 * 3", target="#### 18"), Answer(output="6 * 3 is $18.00.")).solved
    True
    """

    def score(example: Example, answer: Answer) -> Score:
        targets = _targets(example, params)
        said = _read(answer.output, params)
        if said is None:
            return wrong(f"no number to read in {shorten(answer.output)!r}")
        for target in targets:
            if math.isclose(said, target, rel_tol=max(params.relative, _ROUNDING), abs_tol=params.tolerance):
                return SOLVED
        return wrong(f"said {said:.12g}")

    return score
