"""Reads a requirement as people write it: `accuracy >= 0.90 @ 95%`, `p95_latency <= 800 ms`.

Knows the units, not the metrics: which metrics an evaluation has is deciding's to say.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast

from merits.core.errors import RequirementError
from merits.core.needs import Requirement
from merits.tasks.cursor import EXAMPLE, Cursor
from merits.tasks.required_facts import read_fact

__all__ = ["money_of", "parse_requirement"]

_Dimension = Literal["", "share", "seconds", "money"]
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
_METRIC = re.compile(r"[A-Za-z](?:[\w.-]|[ ](?=[A-Za-z])(?!non[ -]?inferior\b|under\b|(?:not )?in \[))*")
_METRIC_INSIDE = re.compile(r"(?!by\b|under\b)[A-Za-z](?:[\w.-]|[ ](?=[A-Za-z])(?!by\b|under\b))*")
_NAME = re.compile(r"(?:[^<>=≤≥!~]|(?<=\w)=(?=[-.\d]))+")  # typos=0.05, but no operator
_NONINFERIOR = re.compile(r"non[ -]?inferior to ")
_WORDS = {"by": re.compile(r"by\b"), "under": re.compile(r"under\b")}
_BEFORE_OPERATOR = re.compile(r"\]\s*(?:[<>=≤≥!~]|non[ -]?inferior)")
_BEFORE_WORD = re.compile(r"\]\s*(?:by|under)\b")
_VIEWS = (
    "Write it like 'worst_slice(accuracy by language) >= 0.8', 'drop(accuracy under typos) <= 3 points' or "
    "'non-inferior to incumbent by 1 pt'."
)
_BEGINNINGS = ("cost", "net_value")
_OPERATOR = re.compile(r"[<>=≤≥!~]+")
_UNIT = re.compile(r"[%$€£¥]|[A-Za-zµ]+")


def parse_requirement(text: str) -> Requirement:
    """The requirement that a text states; RequirementError pointing at the character that cannot be read.

    A text is `metric [of] >= bar unit @ confidence`. In the place of the metric may stand `worst_slice(metric by
    tag)`, `drop(metric under perturbation)` (`drop[typos]` for accuracy), and instead of the bar `non-inferior to
    candidate by margin`. A fact is `KEY`, `KEY = value`, `KEY in [a, b]` or `KEY not in [a, b]`.

    The unit is `%`, `points`, `ms`, `s`, `min`, or a currency; without one the bar is a share (0.9) or a plain
    number. Spaces in the metric's name count as underscores. The confidence is 95 % unless given. A latency needs
    its unit, because 800 seconds are rarely meant.

    >>> found = parse_requirement("recall[fraud] >= 80% @ 99%")
    >>> found.metric, found.of, found.op, found.bar, found.confidence
    ('recall', 'fraud', '>=', 0.8, 0.99)
    >>> parse_requirement("p95 latency <= 800 ms").bar
    0.8
    >>> parse_requirement("non-inferior to incumbent by 1 pt").bar
    -0.01
    """
    return _read(text)[0]


def money_of(text: str) -> str:
    """The currency that a requirement's bar is written in, "" when it is written in none.

    >>> money_of("cost_per_solved <= 0.05 EUR")
    'EUR'
    """
    return _read(text)[1]


class _Subject(NamedTuple):
    """What a bar is on."""

    metric: str
    of: str = ""
    by: str = ""
    under: str = ""
    against: str = ""

    @property
    def name(self) -> str:
        """What it is called in an error about its unit."""
        return "a drop" if self.under else "a margin" if self.against else self.metric


def _read(text: str) -> tuple[Requirement, str]:
    cursor = Cursor(" ".join(text.split()))
    if not cursor.text:
        raise RequirementError("requirement: the text is empty.", EXAMPLE)
    fact = read_fact(cursor, _is_measured)
    if fact is not None:
        return fact, ""
    subject = _subject(cursor)
    op = ">=" if subject.against else _operator(cursor, at_most=bool(subject.under))
    start = cursor.at
    bar, unit = _bar(cursor)
    value, dimension, currency = _in_base_units(cursor, subject.name, bar, unit, start)
    confidence = _confidence(cursor)
    _plausible(cursor, subject, value, dimension, start)
    bar = -value if subject.against and value else value
    return Requirement(op=op, bar=bar, confidence=confidence, text=cursor.text, **subject._asdict()), currency


def _is_measured(name: str) -> bool:
    """Whether a name is one of a metric that there always is, so that it is no key of metadata."""
    small = name.lower().replace(" ", "_")
    known = small in _SHARE_METRICS or small in ("log_loss", "drop", "worst_slice")
    known = known or bool(re.match(r"drop_under_|(?:.*_)?non[-_]?inferior", small))
    return known or small.startswith(_BEGINNINGS) or small.endswith(("_latency", "_rate"))


def _subject(cursor: Cursor) -> _Subject:
    """What the bar is on: a metric, its worst slice, its drop under a perturbation, or its distance to a candidate."""
    if cursor.take(_NONINFERIOR):
        return _Subject("accuracy", against=_rival(cursor))
    metric = cursor.take(_METRIC).replace(" ", "_")
    if not metric:
        cursor.fail("expected the name of a metric here.")
    if metric in ("worst_slice", "drop") and cursor.here == "(":
        return _in_parentheses(cursor, metric)
    if metric == "drop":
        return _Subject("accuracy", under=_perturbation(cursor))
    of = _of(cursor, _BEFORE_OPERATOR)
    if cursor.take(_NONINFERIOR):
        return _Subject(metric, of, against=_rival(cursor))
    return _Subject(metric, of)


def _in_parentheses(cursor: Cursor, view: str) -> _Subject:
    """`worst_slice(recall[fraud] by language)`, `drop(accuracy under typos)`."""
    opened = cursor.at
    cursor.at += 1
    word = "by" if view == "worst_slice" else "under"
    metric = cursor.take(_METRIC_INSIDE).replace(" ", "_")
    if not metric:
        cursor.fail("expected the name of a metric here.", _VIEWS)
    of = _of(cursor, _BEFORE_WORD)
    if not cursor.take(_WORDS[word]):
        cursor.fail(f"expected '{word}' here.", _VIEWS)
    at = cursor.at
    name = cursor.take(re.compile("[^()]+")).strip().strip("\"'")
    if not name:
        cursor.fail("expected the name of a slice or a perturbation here.", _VIEWS, at)
    if cursor.here != ")":
        cursor.fail("this bracket is never closed.", _VIEWS, opened)
    cursor.at += 1
    return _Subject(metric, of, by=name) if word == "by" else _Subject(metric, of, under=name)


def _perturbation(cursor: Cursor) -> str:
    """`drop[typos]` or `drop under typos`: the name of the perturbation."""
    if cursor.here == "[":
        return _of(cursor, _BEFORE_OPERATOR)
    at = cursor.at
    name = cursor.take(_NAME).strip() if cursor.take(_WORDS["under"]) else ""
    if not name:
        cursor.fail("expected a perturbation here.", _VIEWS, at)
    return name.strip("\"'")


def _rival(cursor: Cursor) -> str:
    """The candidate of `non-inferior to NAME by 1 pt`; the margin is read next."""
    match = re.compile(r"(.+) by (?=\S)").match(cursor.text, cursor.at)
    if match is None:
        cursor.fail("expected a candidate and a margin here.", _VIEWS)
    cursor.at = match.end()
    return match[1].strip().strip("\"'")


def _of(cursor: Cursor, closing: re.Pattern[str]) -> str:
    if cursor.here != "[":
        return ""
    # A class may itself hold brackets ("array[int]"): the last bracket before what follows closes.
    following = closing.search(cursor.text, cursor.at)
    end = following.start() if following else cursor.text.find("]", cursor.at)
    if end < 0:
        cursor.fail("this bracket is never closed.")
    of = cursor.text[cursor.at + 1 : end].strip().strip("\"'")
    if not of:
        cursor.fail("expected the name of a class or a slice in the brackets.", at=cursor.at + 1)
    cursor.at = end + 1
    return of


def _operator(cursor: Cursor, *, at_most: bool = False) -> Literal[">=", "<="]:
    start = cursor.at + (cursor.here == " ")
    written = cursor.take(_OPERATOR)
    if at_most and _OPERATORS.get(written) == ">=":
        cursor.fail("a drop is required to be at most something.", "Did you mean '<='?", start)
    if written in _OPERATORS:
        return cast('Literal[">=", "<="]', _OPERATORS[written])
    if written in _NEAR_OPERATORS:
        cursor.fail(f"{written!r} is not understood here.", f"Did you mean {_NEAR_OPERATORS[written]!r}?", start)
    return cursor.fail("expected '>=' or '<=' here.", at=start)


def _bar(cursor: Cursor) -> tuple[float, str]:
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


def _in_base_units(cursor: Cursor, name: str, bar: float, unit: str, start: int) -> tuple[float, _Dimension, str]:
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
        f"unknown unit {unit!r} of {name}.",
        "Units are %, points, ms, s, min, or a currency such as USD.",
        cursor.text.index(unit, start),
    )


def _exact(bar: float, factor: float) -> float:
    """The product without the dust of binary fractions: 83 % is 0.83, not 0.8300000000000001.

    >>> _exact(83, 0.01)
    0.83
    """
    return float(f"{bar * factor:.12g}")


def _confidence(cursor: Cursor) -> float:
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


def _plausible(cursor: Cursor, subject: _Subject, value: float, dimension: _Dimension, start: int) -> None:
    """Refuses bars whose unit contradicts the metric's name, or that no share can reach."""
    name, difference = subject.name, bool(subject.under or subject.against)
    is_time = not difference and subject.metric.endswith(("latency", "seconds"))
    is_money = not difference and subject.metric.startswith(_BEGINNINGS)
    if is_time and dimension != "seconds":
        cursor.fail(f"{name} needs a unit of time.", "Write ms or s after the number.", start)
    if is_money and dimension not in ("", "money"):
        cursor.fail(f"{name} is money.", "Write a currency after the number, or nothing.", start)
    if is_time or is_money:
        return
    if dimension in ("seconds", "money"):
        cursor.fail(f"{name} is not measured in this unit.", "Write a share, such as 0.9 or 90 %.", start)
    if (value >= 1 and difference) or (value > 1 and subject.metric.removesuffix("_rate") in _SHARE_METRICS):
        cursor.fail(f"{name} is a share and cannot pass 1.", f"Did you mean {value:g} %?", start)
    if value < 0 and subject.against:
        cursor.fail("a margin is how much worse it may be: 0 or more.", "Write it without the minus.", start)
