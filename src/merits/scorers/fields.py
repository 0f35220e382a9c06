"""How many fields of a record were read right. Solved when all are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.texts import normalise
from merits.reading.values import json_of, shorten, text_of
from merits.scorers.reading import CannotJudge, wrong

__all__ = ["Params", "load"]

_ROUNDING = 1e-9
_NOTHING: tuple[JSON, ...] = (None, "", [], {})


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which fields, and what makes two values the same."""

    fields: Annotated[
        tuple[str, ...], msgspec.Meta(description="The fields that are compared; all of the target when left out.")
    ] = ()
    even_out: Annotated[
        bool, msgspec.Meta(description="Case, white space and punctuation of a text do not matter.")
    ] = True
    tolerance: Annotated[
        float, msgspec.Meta(ge=0, description="The largest difference of two numbers that counts as none.")
    ] = 0.0


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that compares the fields of two records, each JSON or a text that holds it.

    An answer's value is the share of fields that are right. A field that is missing, null or empty is the same as one
    that is not there; a number is the same as a text that says it; fields that are not asked for do not count. To see
    one field by itself, name it in a further scorer: `{kind: fields, fields: [amount], name: amount}`.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> found = score(Example(id="1", input="?", target={"city": "Bern", "n": 2}), Answer('{"city": "bern", "n": 3}'))
    >>> found.value, found.solved, found.reason
    (0.5, False, "n: said '3', not '2'")
    """

    def score(example: Example, answer: Answer) -> Score:
        target = _record(example.target)
        if target is None:
            raise CannotJudge(f"the target of example {example.id!r} is no record: {shorten(example.target)!r}")
        names = params.fields or tuple(map(str, target))
        if not names:
            raise CannotJudge(f"the target of example {example.id!r} has no field")
        said = _record(answer.output)
        if said is None:
            return wrong(f"no record: {shorten(answer.output)!r}")
        off = [name for name in names if not _same(said.get(name), target.get(name), params)]
        if not off:
            return Score(1.0, True)
        one = off[0]
        reason = f"{shorten(one, 40)}: said {shorten(said.get(one), 40)!r}, not {shorten(target.get(one), 40)!r}"
        more = f"; and {len(off) - 1} more" if len(off) > 1 else ""
        return Score(1.0 - len(off) / len(names), False, reason + more)

    return score


def _record(value: JSON) -> Mapping[str, JSON] | None:
    if isinstance(value, str):
        try:
            value = json_of(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


def _same(said: JSON, wanted: JSON, params: Params) -> bool:
    if _is_nothing(said) or _is_nothing(wanted):
        return _is_nothing(said) and _is_nothing(wanted)
    numbers = _number(said), _number(wanted)
    if numbers[0] is not None and numbers[1] is not None:
        return math.isclose(numbers[0], numbers[1], rel_tol=_ROUNDING, abs_tol=params.tolerance)
    one, two = text_of(said), text_of(wanted)
    if params.even_out and isinstance(wanted, str):
        return normalise(one) == normalise(two)
    return one == two


def _is_nothing(value: JSON) -> bool:
    return not isinstance(value, bool | int | float) and value in _NOTHING


def _number(value: JSON) -> float | None:
    """The number that a value is, or that a text is and nothing else: 007 and 1_000 are texts."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and ("_" in text or (text.lstrip("+-")[:2].isdigit() and text.lstrip("+-")[0] == "0")):
        return None
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
