"""Reads a requirement as people write it: `accuracy >= 0.90 @ 95%`, `p95_latency <= 800 ms`.

Knows the units, not the metrics: which metrics an evaluation has is deciding's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

from merits.core.errors import RequirementError
from merits.core.needs import Requirement

__all__ = ["money_of", "parse_requirement"]

_Dimension = Literal["", "share", "seconds", "money"]
_EXAMPLE = "Write it like 'accuracy >= 0.90 @ 95%' or 'p95_latency <= 800 ms'."
_OPERATORS = {">=": ">=", "<=": "<=", "≥": ">=", "≤": "<="}
_NEAR_OPERATORS = {">": ">=", "<": "<=", "=>": ">=", "=<": "<="}
_SHARES = {"%": 0.01, "percent": 0.01, "points": 0.01, "point": 0.01, "pts": 0.01, "pt": 0.01, "pp": 0.01}
_SECONDS = {"µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0, "second": 1.0, "min": 60.0}
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_SHARE_METRICS = frozenset(
    {
        "accuracy",
        "solved",
        "quality",
        "recall",
        "precision",
        "f1",
        "macro_f1",
        "weighted_f1",
        "roc_auc",
        "pr_auc",
        "ece",
        "failure",
        "worst_slice",
    }
)
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?")
_METRIC = re.compile(r"[A-Za-z](?:[\w.-]|[ ](?=[A-Za-z]))*")
_OPERATOR = re.compile(r"[<>=≤≥!~]+")
_UNIT = re.compile(r"[%$€£¥]|[A-Za-zµ]+")


def parse_requirement(text: str) -> Requirement:
    """The requirement that a text states; RequirementError pointing at the character that cannot be read.

    A text is `metric [of] >= bar unit @ confidence`. The unit is `%`, `points`, `ms`, `s`, `min`, or a currency;
    without one the bar is a share (0.9) or a plain number. Spaces in the metric's name count as underscores. The
    confidence is 95 % unless given. A latency needs its unit, because 800 seconds are rarely meant.

    >>> parse_requirement("recall[fraud] >= 80% @ 99%")
    Requirement(metric='recall', op='>=', bar=0.8, of='fraud', confidence=0.99, text='recall[fraud] >= 80% @ 99%')
    >>> parse_requirement("p95 latency <= 800 ms").bar
    0.8
    """
    return _read(text)[0]


def money_of(text: str) -> str:
    """The currency that a requirement's bar is written in, "" when it is written in none.

    >>> money_of("cost_per_solved <= 0.05 EUR")
    'EUR'
    """
    return _read(text)[1]


@dataclass
class _Cursor:
    """A text and how far it has been read."""

    text: str
    at: int = 0

    def take(self, pattern: re.Pattern[str]) -> str:
        """What matches here, "" if nothing does; spaces before and after are passed over."""
        self.skip()
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        self.skip()
        return match[0] if match else ""

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def fail(self, problem: str, step: str = _EXAMPLE, at: int | None = None) -> NoReturn:
        position = self.at if at is None else at
        raise RequirementError(f"requirement: {problem}\n    {self.text}\n    {' ' * position}^\n", step)


def _read(text: str) -> tuple[Requirement, str]:
    cursor = _Cursor(" ".join(text.split()))
    if not cursor.text:
        raise RequirementError("requirement: the text is empty.", _EXAMPLE)
    metric = cursor.take(_METRIC).replace(" ", "_")
    if not metric:
        cursor.fail("expected the name of a metric here.")
    of = _of(cursor)
    op = _operator(cursor)
    start = cursor.at
    bar, unit = _bar(cursor)
    value, dimension, currency = _in_base_units(cursor, metric, bar, unit, start)
    confidence = _confidence(cursor)
    _plausible(cursor, metric, value, dimension, start)
    return Requirement(metric, op, value, of, confidence, cursor.text), currency


def _of(cursor: _Cursor) -> str:
    if cursor.text[cursor.at : cursor.at + 1] != "[":
        return ""
    # A class may itself hold brackets ("array[int]"): the last bracket before the operator closes.
    operator = re.search(r"\]\s*[<>=≤≥!~]", cursor.text[cursor.at :])
    end = cursor.at + operator.start() if operator else cursor.text.find("]", cursor.at)
    if end < 0:
        cursor.fail("this bracket is never closed.")
    of = cursor.text[cursor.at + 1 : end].strip().strip("\"'")
    if not of:
        cursor.fail("expected the name of a class or a slice in the brackets.", at=cursor.at + 1)
    cursor.at = end + 1
    return of


def _operator(cursor: _Cursor) -> Literal[">=", "<="]:
    start = cursor.at + (cursor.text[cursor.at : cursor.at + 1] == " ")
    written = cursor.take(_OPERATOR)
    if written in _OPERATORS:
        return cast('Literal[">=", "<="]', _OPERATORS[written])
    if written in _NEAR_OPERATORS:
        cursor.fail(f"{written!r} is not understood here.", f"Did you mean {_NEAR_OPERATORS[written]!r}?", start)
    return cursor.fail("expected '>=' or '<=' here.", at=start)


def _bar(cursor: _Cursor) -> tuple[float, str]:
    start = cursor.at
    before = cursor.take(re.compile(r"[$€£¥]"))
    written = cursor.take(_NUMBER)
    try:
        value = float(written.replace(",", ""))
    except ValueError:
        cursor.fail("expected a number here.", at=start)
    unit = cursor.take(_UNIT)
    if before and unit:
        cursor.fail(f"the bar has two units, {before!r} and {unit!r}.", "Leave one out.", start)
    return value, before or unit


def _in_base_units(cursor: _Cursor, metric: str, bar: float, unit: str, start: int) -> tuple[float, _Dimension, str]:
    small = unit.lower()
    if not unit:
        return bar, "", ""
    if small in _SHARES:
        return _exact(bar, _SHARES[small]), "share", ""
    if small in _SECONDS:
        return _exact(bar, _SECONDS[small]), "seconds", ""
    if unit in _SIGNS or re.fullmatch(r"[A-Z]{3}", unit):
        return bar, "money", _SIGNS.get(unit, unit)
    return cursor.fail(
        f"unknown unit {unit!r} of {metric}.",
        "Units are %, points, ms, s, min, or a currency such as USD.",
        cursor.text.index(unit, start),
    )


def _exact(bar: float, factor: float) -> float:
    """The product without the dust of binary fractions: 83 % is 0.83, not 0.8300000000000001.

    >>> _exact(83, 0.01)
    0.83
    """
    return float(f"{bar * factor:.12g}")


def _confidence(cursor: _Cursor) -> float:
    if cursor.at == len(cursor.text):
        return 0.95
    start = cursor.at
    if cursor.take(re.compile("@")) == "":
        cursor.fail("did not expect anything here but '@' and a confidence.")
    at = cursor.at
    written = cursor.take(_NUMBER)
    percent = cursor.take(re.compile("%|percent"))
    if cursor.at != len(cursor.text):
        cursor.fail("did not expect anything after the confidence.")
    try:
        value = float(written) * (0.01 if percent else 1)
    except ValueError:
        cursor.fail("expected a confidence here, such as 95%.", at=start)
    if not 0.5 <= value < 1:
        cursor.fail("a confidence lies from 50 % to below 100 %.", "Write '@ 95%' or '@ 0.95'.", at)
    return float(f"{value:.12g}")


def _plausible(cursor: _Cursor, metric: str, value: float, dimension: _Dimension, start: int) -> None:
    """Refuses bars whose unit contradicts the metric's name, or that no share can reach."""
    is_time = metric.endswith(("latency", "seconds"))
    is_money = metric.startswith(("cost", "net_value"))
    if is_time and dimension != "seconds":
        cursor.fail(f"{metric} needs a unit of time.", "Write ms or s after the number.", start)
    if is_money and dimension not in ("", "money"):
        cursor.fail(f"{metric} is money.", "Write a currency after the number, or nothing.", start)
    if is_time or is_money:
        return
    if dimension in ("seconds", "money"):
        cursor.fail(f"{metric} is not measured in this unit.", "Write a share, such as 0.9 or 90 %.", start)
    if value > 1 and metric.removesuffix("_rate") in _SHARE_METRICS:
        cursor.fail(f"{metric} is a share and cannot pass 1.", f"Did you mean {value:g} %?", start)
