"""What scorers share in reading an answer and a target. Knows nothing about what "solved" means."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import TypeGuard

import msgspec

from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.secrets import shown_values
from merits.core.task import Example

__all__ = ["SOLVED", "CannotJudge", "json_of", "shorten", "targets_of", "text_of", "wrong"]

SOLVED = Score(1.0, True)
_LONGEST_REASON = 120  # characters of an output that a reason quotes


class CannotJudge(ValueError):
    """A scorer cannot judge this example: the outcome stays `unscored` and is never held against the candidate."""


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


def targets_of(example: Example) -> tuple[JSON, ...]:
    """The targets of an example: its target, or each one of a list, of which any will do.

    Raises `CannotJudge` when the example has no target.
    """
    target = example.target
    if target is None or (_is_list(target) and not target):
        raise CannotJudge(f"example {example.id!r} has no target to compare with")
    return tuple(target) if _is_list(target) else (target,)


def _is_list(value: JSON) -> TypeGuard[Sequence[JSON]]:
    return isinstance(value, Sequence) and not isinstance(value, (str, Mapping))


def shorten(value: JSON, longest: int = _LONGEST_REASON) -> str:
    """The value as a text on one line, cut to `longest` characters with an ellipsis.

    >>> shorten("a long\\nanswer", longest=9)
    'a long a…'
    """
    text = " ".join(shown_values(text_of(value), 4 * longest).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


@functools.lru_cache(maxsize=4096)
def wrong(reason: str = "") -> Score:
    """Not solved, for this reason. Equal reasons share one record, so that a million scores stay small."""
    return Score(0.0, False, reason)
