"""Reads what a candidate must say of itself: `on-premises`, `licence in [MIT, Apache-2.0]`, `region = eu`."""

from __future__ import annotations

import re
from collections.abc import Callable

from merits.core.needs import Requirement
from merits.tasks.cursor import Cursor

__all__ = ["read_fact"]

_KEY = re.compile(r"[A-Za-z](?:[\w.-]|[ ](?=[A-Za-z])(?!(?:not )?in\b))*")
_OPERATOR = re.compile(r"not in\b|in\b|==?(?![<>=])|!=")
_ITEM = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^,\]]*))\s*""")
_EXAMPLE = "Write it like 'licence in [MIT, Apache-2.0]', 'region not in [us]' or 'on-premises'."


def read_fact(cursor: Cursor, measured: Callable[[str], bool]) -> Requirement | None:
    """The fact that a text requires; None, with nothing read, where it is no fact.

    `KEY` alone stands for `KEY = true`. `measured` says which names are measured, and so are no keys of metadata.
    """
    start = cursor.at
    key = cursor.take(_KEY)
    word_at = cursor.at
    word = cursor.take(_OPERATOR)
    if not key or measured(key) or not (word or cursor.done or cursor.here == "@"):
        cursor.at = start
        return None
    values: tuple[str, ...] = ("true",)
    if word:
        values = _listed(cursor, word_at) if word.endswith("in") else (_alone(cursor),)
    if not cursor.done:
        found = "a fact is certain, or it is not said: it takes no confidence." if cursor.here == "@" else ""
        cursor.fail(found or "did not expect anything after the fact.", _EXAMPLE)
    negative = word in ("not in", "!=")
    return Requirement(key.replace(" ", "-"), "not in" if negative else "in", values=values, text=cursor.text)


def _listed(cursor: Cursor, word_at: int) -> tuple[str, ...]:
    if cursor.here != "[":
        cursor.fail("expected a list in brackets here.", _EXAMPLE, word_at if cursor.done else None)
    start = cursor.at
    end = cursor.text.rfind("]")
    if end < start:
        cursor.fail("this bracket is never closed.", _EXAMPLE, start)
    cursor.at = start + 1
    values = [_item(cursor, end)]
    while cursor.here == ",":
        cursor.at += 1
        values.append(_item(cursor, end))
    if cursor.at != end:
        cursor.fail("expected a comma or the end of the list here.", _EXAMPLE)
    cursor.at = end + 1
    cursor.skip()
    return tuple(values)


def _item(cursor: Cursor, end: int) -> str:
    at = cursor.at
    match = _ITEM.match(cursor.text, at, end)
    value = "" if match is None else next((part for part in match.groups() if part), "").strip()
    if match is None or not value:
        cursor.fail("expected a value here.", _EXAMPLE, at)
    cursor.at = match.end()
    return value


def _alone(cursor: Cursor) -> str:
    value = cursor.text[cursor.at :].strip()
    if not value:
        cursor.fail("expected a value here.", _EXAMPLE)
    cursor.at = len(cursor.text)
    quoted = re.fullmatch(r"\"([^\"]*)\"|'([^']*)'", value)
    return (quoted[1] or quoted[2] or value) if quoted else value
