"""Reads an output as a text or as JSON, and shows it in one line. Knows nothing about what it says."""

from __future__ import annotations

import math

import msgspec

from merits.core.identity import JSON
from merits.core.secrets import shown_values

__all__ = ["json_of", "shorten", "text_of"]

_LONGEST_SHOWN = 120  # characters


def text_of(value: JSON) -> str:
    """The text that a reader would see: a text as it is, nothing as "", whole floats without ".0", else JSON.

    >>> [text_of(v) for v in ("a", None, 18.0, 2.5, True, {"a": [1]})]
    ['a', '', '18', '2.5', 'true', '{"a":[1]}']
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and not isinstance(value, bool):
        return str(int(value)) if math.isfinite(value) and value.is_integer() else str(value)
    return _as_json(value)


def _as_json(value: JSON) -> str:
    try:
        return msgspec.json.encode(value, order="sorted").decode()
    except (RecursionError, ValueError, TypeError, OverflowError):  # nested too deeply, lone surrogates, huge numbers
        return f"({type(value).__name__} that is not plain JSON)"


def json_of(text: str) -> JSON:
    """The JSON in a text, without the Markdown fence that chat models put around it. ValueError when it is none.

    >>> json_of('```json\\n{"a": 1}\\n```')
    {'a': 1}
    """
    body = text.strip()
    if body.startswith("```") and body.endswith("```") and "\n" in body:
        body = body[body.index("\n") : -3]
    try:
        decoded: JSON = msgspec.json.decode(body.encode())
    except RecursionError:
        raise ValueError("it is nested too deeply to be read") from None
    except (msgspec.DecodeError, UnicodeEncodeError) as problem:
        raise ValueError(str(problem)) from None
    return decoded


def shorten(value: JSON, longest: int = _LONGEST_SHOWN) -> str:
    """The value as a text on one line, cut to `longest` characters with an ellipsis.

    >>> shorten("a long\\nanswer", longest=9)
    'a long a…'
    """
    text = " ".join(shown_values(text_of(value), 4 * longest).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
